"""Collection of everything readable that the product leaves, and search for secrets in it."""

import base64
import json
import logging
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote, quote_plus

import bson
import httpx2
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload

from models.interaction import Interaction
from security.payload_codec import EncryptingCodec
from temporal.interactions import workflow_id
from tests.iris import Iris

NOISY: Final = ("httpx2", "httpcore2", "pymongo")
"""Libraries whose log output our processes limit to warnings, whatever the log level."""


@dataclass
class Traces:
    """Collected texts, by their source."""

    logs: list[str] = field(default_factory=list[str])
    answers: list[bytes] = field(default_factory=list[bytes])
    histories: list[bytes] = field(default_factory=list[bytes])
    database: list[bytes] = field(default_factory=list[bytes])

    def __getitem__(self, place: str) -> bytes:
        left: Sequence[str | bytes] = getattr(self, place)
        return b"\n".join(one.encode(errors="replace") if isinstance(one, str) else one for one in left)

    async def add(self, response: httpx2.Response) -> None:
        """Add an HTTP response with its header."""
        await response.aread()
        header = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        self.answers.append(f"{response.request.method} {response.status_code}\n{header}\n".encode() + response.content)

    async def collect_server_data(self, iris: Iris) -> None:
        """Add the current contents of the database and of every interaction's workflow."""
        database = Interaction.collection().database
        for name in await database.list_collection_names():
            self.database += [bson.encode(found) async for found in database[name].find()]
        self.histories += [data async for data in _workflow_data(iris)]


async def _workflow_data(iris: Iris) -> AsyncIterator[bytes]:
    """Data of interactions' workflows in Temporal, encrypted and decrypted."""
    codec = iris.settings.payload_codec() or EncryptingCodec([bytes(32)])
    async for interaction in Interaction.find_all():
        handle = iris.temporal.get_workflow_handle(workflow_id(interaction.id))
        history, description = await handle.fetch_history(), await handle.describe()
        for message in (*history.events, description.raw_description):
            yield message.SerializeToString()
            for payload in await codec.decode(list(_payloads_in(message))):
                yield payload.data


def _payloads_in(message: Message) -> Iterator[Payload]:
    if isinstance(message, Payload):
        yield message
        return
    for _, value in message.ListFields():
        if isinstance(value, Message):
            parts: Sequence[object] = [value]
        elif isinstance(value, Mapping):
            parts = list(cast("Mapping[Any, object]", value).values())
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            parts = list(cast("Sequence[object]", value))
        else:
            continue
        for part in parts:
            if isinstance(part, Message):
                yield from _payloads_in(part)


class _Keeper(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{self.format(record)} {record.__dict__}")


@contextmanager
def listening(traces: Traces) -> Generator[None]:
    """Collect every line logged inside the block, as our processes log with IRIS_LOG_LEVEL=DEBUG."""
    root, keeper = logging.getLogger(), _Keeper(traces.logs)
    levels = {logger: logger.level for logger in (root, *map(logging.getLogger, NOISY))}
    for logger in levels:
        logger.setLevel(logging.DEBUG if logger is root else logging.WARNING)
    root.addHandler(keeper)
    # Debug output of the libraries depends on earlier activity of the process.
    logging.getLogger("iris.tests").debug("listening")
    try:
        yield
    finally:
        root.removeHandler(keeper)
        for logger, level in levels.items():
            logger.setLevel(level)


def found_marks(marks: Mapping[str, str], text: bytes) -> set[str]:
    """Names of the marks that a text contains: in clear, escaped, in a URL, or anywhere within base64."""
    return {name for name, mark in marks.items() if any(form in text for form in _forms(mark.encode()))}


def _forms(mark: bytes) -> Iterator[bytes]:
    assert len(mark) >= 8, "shorter ones are found anywhere"
    text = mark.decode()
    yield from (mark, json.dumps(text)[1:-1].encode(), repr(text)[1:-1].encode())
    yield from (quote(text).encode(), quote(text, safe="").encode(), quote_plus(text).encode())
    for before in range(3):
        # Whole groups of three bytes within the mark.
        inner = mark[-before % 3 :]
        inner = inner[: len(inner) // 3 * 3]
        yield from (base64.b64encode(inner), base64.urlsafe_b64encode(inner))
