"""Logging as text or JSON lines, with the ids of the logged resources and never their contents.

Both formats take messages from `redacted` and errors from `error_chain`, so that they contain no phone number, address,
text or secret. Environment variables, read before all settings:

- `IRIS_LOG_LEVEL`: `INFO` by default.
- `IRIS_LOG_FORMAT`: `text` or `json`.
- `IRIS_LOG_REQUESTS`: `false` disables the API's log line for each request (`iris.requests`).
- `IRIS_LOG_SENDS`: `false` disables a worker's log line for each attempt to send (`iris.sends`).
"""

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, cast

from typing_extensions import override

from domain.clock import to_wire
from domain.identifiers import interaction_of

REQUESTS: Final = logging.getLogger("iris.requests")
SENDS: Final = logging.getLogger("iris.sends")

_SWITCHES: Final = {"IRIS_LOG_REQUESTS": REQUESTS, "IRIS_LOG_SENDS": SENDS}
_NOISY: Final = ("httpx2", "httpcore2", "pymongo")

_ids: ContextVar[Mapping[str, str]] = ContextVar("ids")

_REDACTED: Final = "[redacted]"
_PERSONAL: Final = re.compile(
    r"""
    input_value=.*?(?=,\ input_type=|$)                          # what pydantic quotes
    | (?<![\w.+-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+                  # an e-mail address
    | (?<!\w)\+?\d(?:[ ()/-]{0,2}\d){6,}(?!\w)                   # a phone number
    | (?<!\w)irisr?_[\w-]{20,}                                   # an API key or a refresh token
    | (?<!\w)(?:Bearer|Basic)\ [\w.~+/=-]{8,}                    # an Authorization
    | (?<!\w)eyJ[\w-]{8,}\.[\w-]+\.[\w-]+                        # a JWT
    | (?<=://)[^\s/@]+@                                          # the user and the password of a URL
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def note(**ids: str) -> None:
    """Add ids to all later log records of this task."""
    _ids.set({**_ids.get({}), **ids})


def log_to_stderr() -> None:
    """Configure logging to stderr from the environment."""
    handler = logging.StreamHandler(sys.stderr)
    as_json = os.environ.get("IRIS_LOG_FORMAT", "text") == "json"
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    logging.basicConfig(handlers=[handler], level=os.environ.get("IRIS_LOG_LEVEL", "INFO").upper())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for variable, logger in _SWITCHES.items():
        logger.disabled = os.environ.get(variable, "true").lower() in {"false", "0", "no"}


def redacted(record: logging.LogRecord) -> str:
    """The message of a record on one line, without personal data or secrets.

    Errors among the arguments are replaced by their type, since their texts may quote contents. asyncio puts such texts
    into the message itself, after its first line, which is therefore the only one used.
    """
    arguments = record.args
    if isinstance(arguments, tuple):
        arguments = tuple(type(one).__name__ if isinstance(one, BaseException) else one for one in arguments)
    message = type(record.msg).__name__ if isinstance(record.msg, BaseException) else str(record.msg)
    if arguments:
        message %= arguments
    if record.name == "asyncio":
        message = message.partition("\n")[0]
    return _CONTROL.sub(" ", _PERSONAL.sub(_REDACTED, message))


def error_chain(error: BaseException) -> Iterator[tuple[str, list[str]]]:
    """An error and its causes, each with type and traceback, without message texts."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield type(cause).__name__, _stack(cause.__traceback__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _stack(trace: TracebackType | None) -> list[str]:
    return [entry.strip() for entry in traceback.format_tb(trace)]


class TextFormatter(logging.Formatter):
    """Formats a record as a text line, followed by the traceback of an error."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The line of a record and those of its error."""
        time = to_wire(datetime.fromtimestamp(record.created, UTC))
        ids = "".join(f" {name}={value}" for name, value in _ids_of(record).items())
        lines = [f"{time} {record.levelname} {record.name} {redacted(record)}{ids}"]
        for kind, stack in _errors_of(record):
            lines += [f"  {kind}", *(f"    {line}" for entry in stack for line in entry.splitlines())]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON line: time, level, logger, message, known ids, and the traceback of an error."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "time": to_wire(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record),
            **_ids_of(record),
        }
        errors = list(_errors_of(record))
        if errors:
            line["error"], line["stack"] = errors[0]
        if len(errors) > 1:
            line["causes"] = [{"error": kind, "stack": stack} for kind, stack in errors[1:]]
        return json.dumps(line, ensure_ascii=False, default=str)


def _errors_of(record: logging.LogRecord) -> Iterator[tuple[str, list[str]]]:
    error = record.exc_info[1] if record.exc_info else None
    return iter(()) if error is None else error_chain(error)


def _ids_of(record: logging.LogRecord) -> dict[str, Any]:
    """The ids of a record, and the fields of a line of `iris.requests` or `iris.sends`."""
    fields = getattr(record, "fields", None)
    own = cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}
    return {**_ids.get({}), **_of_temporal(record), **own}


def _of_temporal(record: logging.LogRecord) -> dict[str, str]:
    """The ids that Temporal's loggers add to a record.

    https://python.temporal.io/temporalio.activity.LoggerAdapter.html
    """
    beside = getattr(record, "temporal_activity", None) or getattr(record, "temporal_workflow", None)
    if not isinstance(beside, dict):
        return {}
    workflow_id = str(cast("dict[str, Any]", beside).get("workflow_id", ""))
    return {"workflow_id": workflow_id, "interaction_id": interaction_of(workflow_id)}
