"""Prometheus metrics."""

from collections.abc import Mapping
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families
from temporalio.service import RPCError, RPCStatusCode

from bootstrap import connect_temporal, sdk_runtime
from domain.clock import to_wire, utc_now
from embedded.ports import free_port
from support.metrics import serve
from temporal.task_queues import is_polling
from tests.api.support import SILENT, mobile
from tests.iris import Iris
from tests.plain_http import plain_client

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(iris: Iris) -> Samples:
    response = await iris.http.get("/metrics", headers={"Authorization": ""})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    return samples(response.text)


def grown(before: Samples, after: Samples, name: str, **labels: str) -> float:
    key = name, frozenset(labels.items())
    return after.get(key, 0) - before.get(key, 0)


async def test_a_message_is_counted_on_its_way(iris: Iris) -> None:
    before = await scrape(iris)
    admitted = await iris.send("sms", mobile())
    await iris.until_status(admitted["id"], "COMPLETED")
    await iris.ended(admitted["id"])
    after = await scrape(iris)
    way = {"channel": "SMS", "provider": "sandbox"}
    assert grown(before, after, "iris_submissions_total", **way, status="DISPATCH_PENDING") == 1
    assert grown(before, after, "iris_dispatch_seconds_count", **way, outcome="accepted") == 1
    assert grown(before, after, "iris_webhook_lag_seconds_count", **way) >= 1
    assert grown(before, after, "iris_statuses_total", status="SENT") >= 1
    assert grown(before, after, "iris_statuses_total", status="COMPLETED") >= 1


async def test_refusals_of_a_provider_are_counted_apart(iris: Iris) -> None:
    before = await scrape(iris)
    refused = await iris.send("sms", "34600000003")
    await iris.until_status(refused["id"], "PROVIDER_SENDING_ERROR")
    invalid = await iris.post(iris.request("sms", mobile(), AutoCreateProcess=False))
    assert invalid.status_code == 422
    after = await scrape(iris)
    way = {"channel": "SMS", "provider": "sandbox"}
    assert grown(before, after, "iris_dispatch_seconds_count", **way, outcome="rejected") == 1
    assert grown(before, after, "iris_submissions_total", **way, status="VALIDATION_ERROR") == 1


async def test_the_delay_of_provider_events_is_observed(iris: Iris) -> None:
    admitted = await iris.send("sms", SILENT)
    await iris.until_status(admitted["id"], "SENT")
    before = await scrape(iris)
    assert (await iris.receive(admitted["id"], "delivered", timestamp="2020-01-01T00:00:00.000Z")).status_code == 200
    assert (await iris.receive(admitted["id"], "read", timestamp=to_wire(utc_now()))).status_code == 200
    after = await scrape(iris)
    assert grown(before, after, "iris_webhook_lag_seconds_count", channel="SMS", provider="sandbox") == 2
    within_a_day = {"channel": "SMS", "provider": "sandbox", "le": "86400.0"}
    assert grown(before, after, "iris_webhook_lag_seconds_bucket", **within_a_day) == 1


async def test_temporals_backlog_is_reported_by_task_queue(iris: Iris) -> None:
    queue = iris.settings.task_queue
    seen = {key for key in await scrape(iris) if key[0] == "iris_task_queue_backlog"}
    wanted = [
        (queue, "workflow"),
        (queue, "activity"),
        (f"{queue}-sandbox", "activity"),
        (f"{queue}-twilio", "activity"),
        (f"{queue}-notifications", "workflow"),
        (f"{queue}-notifications", "activity"),
    ]
    for name, kind in wanted:
        assert ("iris_task_queue_backlog", frozenset({("task_queue", name), ("kind", kind)})) in seen


async def test_no_metric_names_a_tenant_or_an_id(iris: Iris) -> None:
    to = mobile()
    admitted = await iris.send("sms", to)
    text = (await iris.http.get("/metrics")).text
    for word in (to, admitted["id"], admitted["processId"], f'"{iris.demo.tenant}"', iris.demo.integrations["sms"]):
        assert word not in text


async def test_temporals_own_metrics_are_served_where_a_setting_says(iris: Iris) -> None:
    address = f"127.0.0.1:{free_port()}"
    client = await connect_temporal(iris.settings, sdk_runtime(address))
    assert await client.service_client.check_health()
    async with plain_client() as http:
        answer = await http.get(f"http://{address}/metrics")
    assert "temporal_request" in answer.text


async def test_a_worker_answers_where_a_setting_says() -> None:
    port = free_port()
    serve(f"127.0.0.1:{port}", _works)
    async with plain_client() as http:
        answer = await http.get(f"http://127.0.0.1:{port}/metrics")
    assert "iris_dispatch_seconds" in answer.text


async def _works() -> bool:
    return True


async def test_a_worker_answers_two_hundred_questions_after_its_health(iris: Iris) -> None:
    """Runs in its own process: a short-lived client crashes occasionally (temporalio/sdk-python#300)."""
    port = free_port()
    serve(f"127.0.0.1:{port}", partial(is_polling, iris.temporal, iris.settings.task_queue))
    async with plain_client() as http:
        statuses = {(await http.get(f"http://127.0.0.1:{port}/health")).status_code for _ in range(200)}
    assert statuses == {200}


@pytest.mark.parametrize("problem", ["not polling", "an error"])
async def test_a_worker_that_does_not_work_says_so(problem: str) -> None:
    async def check() -> bool:
        if problem == "an error":
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        return False

    port = free_port()
    serve(f"127.0.0.1:{port}", check)
    async with plain_client() as http:
        assert (await http.get(f"http://127.0.0.1:{port}/health")).status_code == 503
