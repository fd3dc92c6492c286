"""What is logged, with the ids of what it is about: as lines for people, or as JSON for programs; never contents."""

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, cast

from typing_extensions import override

from domain.clock import to_wire
from domain.identifiers import interaction_of

_NOISY: Final = ("httpx2", "httpcore2", "pymongo")
_LINE: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"

_ids: ContextVar[Mapping[str, str]] = ContextVar("ids")


def note(**ids: str) -> None:
    """Have these ids in what this task logs from now on."""
    _ids.set({**_ids.get({}), **ids})


def log_to_stderr() -> None:
    """Log as `IRIS_LOG_LEVEL` and `IRIS_LOG_FORMAT` say, for the rest of this process."""
    handler = logging.StreamHandler(sys.stderr)
    as_json = os.environ.get("IRIS_LOG_FORMAT", "text") == "json"
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter(_LINE))
    logging.basicConfig(handlers=[handler], level=os.environ.get("IRIS_LOG_LEVEL", "INFO").upper())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    """One JSON object in a line: time, level, logger, message, the ids that are known, and where an error was raised.

    Of an error its kind is told and the way to it, not its words, which may quote what somebody wrote.
    """

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "time": to_wire(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_ids.get({}),
            **_of_temporal(record),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            line["error"] = kind.__name__
            line["stack"] = [entry.strip() for entry in traceback.format_tb(trace)]
        return json.dumps(line, ensure_ascii=False, default=str)


def _of_temporal(record: logging.LogRecord) -> dict[str, str]:
    """The ids that Temporal's loggers put beside a record.

    https://python.temporal.io/temporalio.activity.LoggerAdapter.html
    """
    beside = getattr(record, "temporal_activity", None) or getattr(record, "temporal_workflow", None)
    if not isinstance(beside, dict):
        return {}
    workflow_id = str(cast("dict[str, Any]", beside).get("workflow_id", ""))
    return {"workflow_id": workflow_id, "interaction_id": interaction_of(workflow_id)}
