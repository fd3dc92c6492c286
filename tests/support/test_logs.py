"""Log lines contain ids for programs and no contents, in both formats."""

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from temporalio.exceptions import ApplicationError

from support.logs import REQUESTS, SENDS, JsonFormatter, TextFormatter, log_to_stderr, note

FORMATTERS = (TextFormatter(), JsonFormatter())
PERSONAL = ("34638766068", "638 76 60 68", "ana@clinica.example", "Hola Ana", "iris_" + "k" * 40, "s3cr3t-password")


def record(
    message: object = "hello",
    *arguments: object,
    extra: dict[str, Any] | None = None,
    error: BaseException | None = None,
    name: str = "iris.test",
) -> logging.LogRecord:
    information = None
    if error is not None:
        try:
            raise error
        except type(error):
            information = sys.exc_info()
    logger = logging.getLogger(name)
    return logger.makeRecord(name, logging.WARNING, __file__, 1, message, arguments, information, extra=extra)  # type: ignore[arg-type]


def line(made: logging.LogRecord) -> dict[str, Any]:
    text = JsonFormatter().format(made)
    assert "\n" not in text
    return json.loads(text)


async def test_a_line_has_the_ids_that_its_task_noted() -> None:
    note(request_id="r1")
    note(tenant="demo", interaction_id="i1")
    logged = line(record())
    time = logged.pop("time")
    assert time.endswith("Z")
    assert logged == {
        "level": "WARNING",
        "logger": "iris.test",
        "message": "hello",
        "request_id": "r1",
        "tenant": "demo",
        "interaction_id": "i1",
    }
    text = TextFormatter().format(record())
    assert text.endswith("Z WARNING iris.test hello request_id=r1 tenant=demo interaction_id=i1")


async def test_log_lines_in_temporal_code_name_the_workflow() -> None:
    for kind in ("temporal_activity", "temporal_workflow"):
        logged = line(record(extra={kind: {"workflow_id": "interaction-685bc5d05a72ed2a5f8d0e41", "attempt": 1}}))
        assert (logged["workflow_id"], logged["interaction_id"]) == (
            "interaction-685bc5d05a72ed2a5f8d0e41",
            "685bc5d05a72ed2a5f8d0e41",
        )


async def test_an_error_is_logged_by_type_and_location_with_its_causes_and_without_messages() -> None:
    error = ValueError("34638766068 wrote: Hola")
    error.__cause__ = KeyError("Hola")
    logged = line(record(error=error))
    assert logged["error"] == "ValueError"
    assert "test_logs.py" in logged["stack"][0]
    assert logged["causes"] == [{"error": "KeyError", "stack": []}]
    assert "ValueError" in TextFormatter().format(record(error=error))


class Destination(BaseModel):
    number: int


def _of_pydantic(text: str) -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        Destination.model_validate({"number": f"it is {text}"})
    return refused.value


def _of_temporal(text: str) -> ApplicationError:
    error = ApplicationError(f"the activity failed: {text}", text)
    error.__cause__ = _of_pydantic(text)
    return error


@pytest.mark.parametrize("formatter", FORMATTERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("text", PERSONAL)
@pytest.mark.parametrize("error", [ValueError, _of_pydantic, _of_temporal])
def test_the_message_of_an_error_is_in_no_line(
    formatter: logging.Formatter, text: str, error: Callable[[str], Exception]
) -> None:
    made = error(text)
    for logged in (
        record("it failed", error=made),
        record("it failed: %s", made),
        record("it failed: %r of %d", made, 1),
        record(made),
        record(f"Task exception was never retrieved\nfuture: <Task exception={made!r}>", name="asyncio"),
    ):
        assert text not in formatter.format(logged)


@pytest.mark.parametrize("formatter", FORMATTERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(
    "text",
    [
        "34638766068",
        "+34 638 76 60 68",
        "(0034) 638-766-068",
        "ana.garcia+iris@clinica.example",
        "iris_" + "k" * 40,
        "irisr_" + "k" * 40,
        "Bearer abcdefghijkl",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "mongodb://iris:s3cr3t@db/iris",
        str(_of_pydantic("Hola Ana")),
    ],
)
def test_personal_data_and_secrets_in_texts_are_redacted(formatter: logging.Formatter, text: str) -> None:
    logged = formatter.format(record("about %s it says", text))
    assert "[redacted]" in logged
    for part in (text, "638", "s3cr3t", "Hola", "garcia", "kkkk", "abcdefghijkl", "c2lnbmF0dXJl"):
        assert part not in logged


@pytest.mark.parametrize(
    "text",
    [
        "interaction 685bc5d05a72ed2a5f8d0e41",
        "172.31.254.100:27017 does not answer",
        "a round of 123456 in 4.25 s",
        "run 01a22df6-5212-775c-a220-6fac763c1578",
    ],
)
def test_ids_server_addresses_and_counts_are_logged_unchanged(text: str) -> None:
    assert line(record(text))["message"] == text


@pytest.mark.parametrize("formatter", FORMATTERS, ids=lambda one: type(one).__name__)
def test_user_text_cannot_forge_a_log_line(formatter: logging.Formatter) -> None:
    logged = formatter.format(record("refused: %s", "x\n2026-11-30 INFO iris.test forged\x1b[31m"))
    assert "\n" not in logged
    assert "\x1b" not in logged


@pytest.mark.parametrize(("value", "is_on"), [(None, True), ("true", True), ("false", False), ("0", False)])
def test_lines_of_requests_and_sends_are_switched(
    monkeypatch: pytest.MonkeyPatch, value: str | None, *, is_on: bool
) -> None:
    for variable in ("IRIS_LOG_REQUESTS", "IRIS_LOG_SENDS"):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)
    for logger in (REQUESTS, SENDS):
        monkeypatch.setattr(logger, "disabled", False)
    log_to_stderr()
    assert [not logger.disabled for logger in (REQUESTS, SENDS)] == [is_on, is_on]
