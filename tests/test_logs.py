"""What is logged: ids for programs, contents for nobody."""

import json
import logging
import sys
from typing import Any

from logs import JsonFormatter, note


def line(*, extra: dict[str, Any] | None = None, error: Exception | None = None) -> dict[str, Any]:
    logger = logging.getLogger("iris.test")
    information = None
    if error is not None:
        try:
            raise error
        except type(error):
            information = sys.exc_info()
    record = logger.makeRecord("iris.test", logging.WARNING, __file__, 1, "hello", (), information, extra=extra)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


async def test_a_line_has_the_ids_that_its_task_noted() -> None:
    note(request_id="r1")
    note(tenant="demo", interaction_id="i1")
    told = line()
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "WARNING",
        "logger": "iris.test",
        "message": "hello",
        "request_id": "r1",
        "tenant": "demo",
        "interaction_id": "i1",
    }


async def test_what_temporal_runs_is_told_by_its_workflow() -> None:
    for kind in ("temporal_activity", "temporal_workflow"):
        told = line(extra={kind: {"workflow_id": "interaction-685bc5d05a72ed2a5f8d0e41", "attempt": 1}})
        assert (told["workflow_id"], told["interaction_id"]) == (
            "interaction-685bc5d05a72ed2a5f8d0e41",
            "685bc5d05a72ed2a5f8d0e41",
        )


async def test_an_error_is_told_by_its_kind_and_place_without_its_words() -> None:
    told = line(error=ValueError("34638766068 wrote: Hola"))
    assert told["error"] == "ValueError"
    assert "test_logs.py" in told["stack"][0]
    assert "Hola" not in json.dumps(told)
