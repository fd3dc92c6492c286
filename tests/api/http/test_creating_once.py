"""`Idempotency-Key` on every creating route: repeated calls create one resource and say so."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.responses import Response

from api.http.envelope import success
from api.http.idempotency import check_same
from domain.clock import to_wire, utc_now
from domain.identifiers import new_id
from tests.api.account_factories import PASSWORD
from tests.api.support import mobile, reasons
from tests.iris import SANDBOX, Iris
from tests.plain_http import plain_client
from tests.served import serving

KEY: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"

Body = dict[str, Any]


def _interaction(iris: Iris) -> Body:
    return iris.request("sms", mobile())


def _integration(iris: Iris) -> Body:
    credentials = {
        "token": SANDBOX.token.get_secret_value(),
        "signingSecret": SANDBOX.signing_secret.get_secret_value(),
    }
    configuration = {"baseUrl": iris.gateway_url}
    named = {"name": new_id(), "channel": "SMS", "provider": "sandbox"}
    return {**named, "configuration": configuration, "credentials": credentials}


def _process(iris: Iris) -> Body:
    return {"integrationId": iris.demo.integrations["sms"], "isDraft": True, "metadata": {"a": new_id()}}


def _template(_: Iris) -> Body:
    return {"name": new_id(), "channel": "SMS", "payload": {"Type": "simple-text", "Text": "hola"}}


def _strategy(iris: Iris) -> Body:
    payload = {"Type": "simple-text", "Text": "hola"}
    step = {"integrationId": iris.demo.integrations["sms"], "payLoad": payload, "deadline": "PT1H"}
    return {"name": new_id(), "steps": [step, step]}


BODIES: Final[dict[str, Callable[[Iris], Body]]] = {
    "/v1/accounts": lambda _: {"email": f"{new_id()}@iris.example.com", "password": PASSWORD, "role": "reader"},
    "/v1/integrations": _integration,
    "/v1/interactions": _interaction,
    "/v1/interactions/{interaction_id}/resend": lambda _: {},
    "/v1/integrations/{integration_id}/webhook/redeliveries": lambda _: {"Since": to_wire(utc_now())},
    "/v1/processes": _process,
    "/v1/strategies": _strategy,
    "/v1/templates": _template,
    "/v1/users": lambda _: {"name": new_id(), "primaryKey": {"PhoneNumber": [mobile()]}},
}
"""A body for each route that creates from JSON and answers a repeated call with the same resource."""

OTHERWISE: Final = {
    "/v1/api-keys",  # 409 `key_shown`, since the secret is shown once: tests/api/routes/test_api_keys.py
    "/v1/attachments",  # takes a file: below
}
"""Routes that take the key but behave differently."""

CREATES_NOTHING: Final = {
    "/configuration/integration/{integration_id}/webhook",  # sets the one endpoint that an integration has
    "/conversation/interaction/{interaction_id}",  # reads
    "/user/login",  # each login is another session
    "/v1/accounts/me/password",
    "/v1/api-keys/{key_id}/rotate",
    "/v1/consents/import",  # there is one consent per destination and coverage
    "/v1/integrations/{integration_id}/test",
    "/v1/integrations/{integration_id}/webhook/rotate-secret",
    "/v1/interactions/{interaction_id}/cancel",
    "/v1/notifications/{notification_id}/cancel",
    "/v1/strategies/dry-run",  # sends and stores nothing
    "/v1/strategy-runs/{run_id}/cancel",
    "/v1/notifications/{notification_id}/redeliver",  # 409 while it is under way
    "/v1/processes/{process_id}/close",
    "/v1/processes/{process_id}/reopen",
    "/v1/sending-rules/check",  # reads
    "/v1/sessions",  # each login is another session
    "/v1/sessions/refresh",
    "/v1/templates/{template_id}/render",  # reads
    "/v1/users/{user_id}/destinations",  # an existing destination is unchanged
    "/v1/users/{user_id}/merge",  # a repeated call changes nothing
    "/webhooks/{provider}/{integration_id}",  # deduplicates provider retries
}
"""POST routes that create nothing, or nothing again when repeated."""


async def test_every_route_that_creates_takes_the_key(iris: Iris) -> None:
    paths: dict[str, Any] = (await iris.http.get("/openapi.json")).json()["paths"]
    posts = {path: item["post"] for path, item in paths.items() if "post" in item}
    keyed = {
        path
        for path, post in posts.items()
        if any(one["name"].lower() == KEY.lower() for one in post.get("parameters", []))
    }
    assert keyed == BODIES.keys() | OTHERWISE, "a route that takes the key has its body in BODIES"
    assert posts.keys() - keyed == CREATES_NOTHING, (
        "a route that creates takes `idempotency_key: IdempotencyKey = None` and uses `id_by_key` and `check_same`; "
        "one that does not create is named in CREATES_NOTHING"
    )


@pytest.mark.parametrize("path", BODIES)
async def test_a_repeated_call_creates_one_thing_and_says_so(iris: Iris, path: str) -> None:
    url = await filled(iris, path)
    body, key = BODIES[path](iris), {KEY: new_id()}
    first, second = [await iris.http.post(url, json=body, headers=key) for _ in range(2)]
    assert first.is_success, first.text
    assert (second.status_code, identity(second)) == (first.status_code, identity(first))
    assert (first.headers.get(REPLAYED), second.headers.get(REPLAYED)) == (None, "true")
    other = {**BODIES[path](iris), **({"force": True} if path.endswith("resend") else {})}
    assert reasons(await iris.http.post(url, json=other, headers=key), 422) == [(KEY, "idempotency_key_reused")]


async def test_a_repeated_upload_stores_one_file_and_says_so(iris: Iris) -> None:
    url, headers = "/v1/attachments?fileName=a.txt", {KEY: new_id(), "Content-Type": "text/plain"}
    first, second = [await iris.http.post(url, content=b"hola", headers=headers) for _ in range(2)]
    assert (first.status_code, identity(first)) == (second.status_code, identity(second)) != (422, None)
    assert (first.headers.get(REPLAYED), second.headers.get(REPLAYED)) == (None, "true")


def identity(response: httpx2.Response) -> str:
    payload = response.json()["payload"]
    return payload["id"] if "id" in payload else payload["replayId"]


async def filled(iris: Iris, path: str) -> str:
    """The path with the ids of the resources that a call needs."""
    interaction_id = integration_id = ""
    if "{interaction_id}" in path:
        interaction_id = (await iris.send("sms", mobile()))["id"]
        await iris.until_status(interaction_id, "COMPLETED")
    if "{integration_id}" in path:
        integration_id = await iris.sandbox(iris.gateway_url)
        endpoint = {"Url": f"{iris.gateway_url}/nobody", "Subscriptions": ["*"]}
        assert (await iris.http.put(f"/v1/integrations/{integration_id}/webhook", json=endpoint)).is_success
    return path.format(interaction_id=interaction_id, integration_id=integration_id)


async def test_an_answer_says_nothing_of_what_another_request_repeated() -> None:
    app = FastAPI()

    @app.post("/")
    async def repeat() -> Response:
        check_same("a", "a")
        return success({}, "")

    @app.get("/")
    async def read() -> Response:
        return success({}, "")

    async def ask() -> list[str | None]:
        # A connection inherits the context variables of its task and of former requests.
        check_same("a", "a")
        async with serving(app) as url, plain_client(base_url=url) as http:
            return [(await http.request(method, "/")).headers.get(REPLAYED) for method in ("GET", "POST", "GET")]

    assert await asyncio.create_task(ask()) == [None, "true", None]
