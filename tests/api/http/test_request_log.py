"""Log lines of requests, sends and discrepancies: enough to trace each, without contents."""

import json
import logging
from typing import Any

import pytest
from prometheus_client import REGISTRY

from activities.discrepancy_log import log_discrepancies
from domain.discrepancies import Discrepancy, Kind
from support.logs import REQUESTS, SENDS, JsonFormatter
from tests.api.support import mobile
from tests.iris import Iris


def fields(caplog: pytest.LogCaptureFixture, logger: logging.Logger) -> list[dict[str, Any]]:
    """The fields of a logger's lines."""
    return [getattr(record, "fields", {}) for record in caplog.records if record.name == logger.name]


async def test_each_request_is_a_line_with_its_route_status_and_time(
    iris: Iris, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    number = mobile()
    sent = await iris.send("sms", number)
    await iris.http.get(f"/v1/interactions/{sent['id']}")
    await iris.http.get("/health/live")
    await iris.http.get(f"/nowhere/{number}")
    lines = fields(caplog, REQUESTS)
    assert all(line.pop("milliseconds") >= 0 for line in lines)
    assert {"method": "POST", "route": "/v1/interactions", "status": 200} in lines
    read = {"method": "GET", "route": "/v1/interactions/{interaction_id}", "status": 200, "interaction_id": sent["id"]}
    assert read in lines
    assert {"method": "GET", "route": "-", "status": 404} in lines
    assert not [line for line in lines if line["route"] == "/health/live"]
    ours = [record.getMessage() + str(vars(record)) for record in caplog.records if record.name.startswith("iris")]
    assert not [line for line in ours if number in line]


async def test_each_send_is_a_line_with_its_verdict(iris: Iris, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sent = await iris.send("sms", mobile())
    await iris.until_status(sent["id"], "COMPLETED")
    [line] = [line for line in fields(caplog, SENDS) if line["interaction_id"] == sent["id"]]
    assert (line["provider"], line["channel"], line["verdict"]) == ("sandbox", "SMS", "accepted")


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [({"Authorization": ""}, {}, 401, "unauthenticated"), ({}, {"unknown": 1}, 422, "unknown_field")],
)
async def test_the_id_of_a_refused_request_is_in_its_line_with_the_reason(  # noqa: PLR0913, PLR0917 - one for each part
    iris: Iris,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    body: dict[str, int],
    status: int,
    code: str,
) -> None:
    caplog.set_level(logging.INFO)
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(JsonFormatter().format(record))  # type: ignore[method-assign]
    monkeypatch.setattr(REQUESTS, "handlers", [handler])
    answer = await iris.http.post("/v1/interactions", json=body, headers={"X-Request-Id": f"of-{status}", **headers})
    assert answer.status_code == status
    [line] = [line for line in map(json.loads, seen) if line["request_id"] == f"of-{status}"]
    assert line["status"] == status
    assert code in line["problems"].split(",")


def test_findings_are_warnings_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    def counted() -> float:
        labels = {"kind": "overdue", "repaired": "no"}
        return REGISTRY.get_sample_value("iris_reconciliation_discrepancies_total", labels) or 0

    before = counted()
    finding = Discrepancy(
        kind=Kind.OVERDUE, interaction_id="685bc5d05a72ed2a5f8d0e41", reason="34638766068 wrote: Hola"
    )
    assert log_discrepancies([finding]).found[Kind.OVERDUE] == 1
    [record] = caplog.records
    assert (record.levelno, counted() - before) == (logging.WARNING, 1)
    assert "Hola" not in JsonFormatter().format(record)
    assert json.loads(JsonFormatter().format(record))["interaction_id"] == finding.interaction_id
