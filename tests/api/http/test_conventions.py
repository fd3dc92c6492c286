"""Web API conventions: problem details by media type, trace context and CORS."""

import logging
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.http.deprecation import Retirement
from api.http.middleware import add_middleware
from api.http.tracing import Trace
from api.server import server_config
from domain.errors import OverloadedError, UnavailableError
from support.logs import JsonFormatter
from tests.api.support import reasons, refusal
from tests.iris import Iris

PROBLEM = "application/problem+json"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ORIGIN = "https://crm.example.com"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (PROBLEM, PROBLEM),
        (f"text/html, {PROBLEM.upper()};q=0.5", PROBLEM),
        (f"{PROBLEM};q=0", "application/json"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
    ],
)
async def test_a_failure_is_a_problem_by_its_media_type_if_that_is_asked_for(
    iris: Iris, accept: str, media_type: str
) -> None:
    response = await iris.http.get("/v1/interactions/none", headers={"Accept": accept})
    assert response.headers["Content-Type"] == media_type
    body = refusal(response, 404)
    assert body["error"][0]["code"] == "not_found"


async def test_a_success_is_json_whatever_is_asked_for(iris: Iris) -> None:
    response = await iris.http.get("/v1/templates", headers={"Accept": PROBLEM})
    assert response.headers["Content-Type"] == "application/json"


async def test_a_trace_goes_on_and_our_part_of_it_is_answered(iris: Iris, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(JsonFormatter())
    with caplog.at_level(logging.WARNING):
        response = await iris.http.post(
            f"/webhooks/sandbox/{iris.demo.integrations['sms']}",
            headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
        )
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", response.headers["traceresponse"])
    assert "00f067aa0ba902b7" not in response.headers["traceresponse"]
    assert f'"trace_id": "{TRACE}"' in caplog.text


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "nope",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01\r\nx: y",
    ],
)
def test_an_invalid_trace_is_not_continued(traceparent: str) -> None:
    assert Trace.of(traceparent) is None


@pytest.fixture
async def browser(iris: Iris) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an API that allows one CORS origin and serves no data."""
    app = create_app(iris.settings.model_copy(update={"cors_origins": (ORIGIN,)}))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://iris") as http:
        yield http


async def test_pages_of_a_named_origin_may_read_answers_and_others_not(browser: httpx2.AsyncClient) -> None:
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.example", None)):
        response = await browser.get("/v1/none", headers={"Origin": origin})
        assert response.status_code == 404
        assert response.headers.get("Access-Control-Allow-Origin") == allowed
        assert "Access-Control-Allow-Credentials" not in response.headers
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    preflight = await browser.options("/v1/interactions", headers={"Origin": ORIGIN, **asked})
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert preflight.headers["X-Content-Type-Options"] == "nosniff"
    refused = await browser.options("/v1/interactions", headers={"Origin": "https://evil.example", **asked})
    assert refused.status_code == 400


async def test_a_page_of_a_named_origin_may_read_the_answer_about_an_internal_fault() -> None:
    app = FastAPI()
    add_middleware(app, cors_origins=(ORIGIN,))

    async def fail() -> None:
        raise RuntimeError

    app.add_api_route("/fail", fail)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://iris") as http:
        response = await http.get("/fail", headers={"Origin": ORIGIN})
    assert reasons(response, 500) == [("", "internal")]
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Cache-Control"] == "no-store"


async def test_no_page_may_read_answers_unless_its_origin_is_named(iris: Iris) -> None:
    response = await iris.http.get("/v1/templates", headers={"Origin": ORIGIN})
    assert response.status_code == 200
    assert not [name for name in response.headers if name.lower().startswith("access-control-")]


async def test_a_path_that_will_go_away_says_since_when_until_when_and_what_comes_after() -> None:
    app = FastAPI()
    begun, ended = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 12, 1, tzinfo=UTC)
    add_middleware(app, retirements={"/v0/": Retirement(begun, ended, "/v1/interactions")})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://iris") as http:
        retiring, other = await http.get("/v0/interactions"), await http.get("/v1/none")
    assert retiring.headers["Deprecation"] == "@1796083200"
    assert retiring.headers["Sunset"] == "Wed, 01 Dec 2027 00:00:00 GMT"
    assert retiring.headers["Link"] == '</v1/interactions>; rel="successor-version"'
    assert not {"deprecation", "sunset", "link"} & {name.lower() for name in other.headers}


def test_a_connection_outlasts_the_wait_that_its_caller_is_asked_for() -> None:
    server = server_config(FastAPI(), "127.0.0.1", 0)
    for error in (OverloadedError(), UnavailableError("Temporal")):
        assert server.timeout_keep_alive > error.retry_after.total_seconds()
