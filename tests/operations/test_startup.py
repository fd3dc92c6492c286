"""Starting and ending processes: a startup problem is one line within seconds, and a signal ends the process."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr
from typing_extensions import override

from bootstrap import mongodb_client
from embedded.mongod import Mongod
from embedded.ports import LOOPBACK, free_port, is_listened_on
from embedded.processes import until
from operations.startup import TemporalUnreachableError, prepare_servers, unknown_variables
from queries.server import UnusableServerError, require_replica_set
from settings import Settings
from tests.iris import Iris

ROOT: Final = Path(__file__).parents[2]
NOWHERE: Final = "mongodb://127.0.0.1:1/?replicaSet=rs0"


@asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncGenerator[Process]:
    """A process of ours, which is killed if it outlives the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **environment}, stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


FORKING: Final = """
import importlib, json, os, sys
modules, jobs = json.load(sys.stdin)
for module in modules:
    importlib.import_module(module)
processes = []
for code, environment, output in jobs:
    process = os.fork()
    if not process:
        os.environ.update(environment)
        file = os.open(output, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, 1)
        os.dup2(file, 2)
        exec(code, {"__name__": "__main__"})
        sys.exit()
    processes.append(process)
json.dump([os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes], sys.stdout)
"""
"""Forks a process for each job, since loading the common imports costs more than the jobs."""


async def ended(
    modules: Sequence[str], jobs: Sequence[tuple[str, Mapping[str, str]]], directory: Path
) -> list[tuple[int, str]]:
    """Exit codes and outputs of processes, each with its code and environment."""
    outputs = [directory / str(number) for number in range(len(jobs))]
    asked = [(*job, str(output)) for job, output in zip(jobs, outputs, strict=True)]
    async with started("-c", FORKING, PYTHONPATH=str(ROOT)) as process:
        result, _ = await asyncio.wait_for(process.communicate(json.dumps([modules, asked]).encode()), 60)
    codes: list[int] = json.loads(result)
    return [(code, output.read_text()) for code, output in zip(codes, outputs, strict=True)]


COMMAND: Final = """
import runpy, sys
sys.argv = ["iris", {command!r}]
runpy.run_module("cli", run_name="__main__")
"""


async def test_a_startup_problem_is_one_line(tmp_path: Path) -> None:
    demo = {"IRIS_DEMO_PASSWORD": "x" * 20, "IRIS_SANDBOX_ACCOUNTS": '[{"token":"t","signing_secret":"s"}]'}
    nowhere = {"MONGODB_URI": NOWHERE, "IRIS_DEMO_API_KEY": "x" * 20}
    cases = [
        (command, environment, names)
        for command in ("api", "worker", "seed")
        for environment, names in (
            (nowhere, "MongoDB: it does not answer: 127.0.0.1:1"),
            ({"IRIS_ENVIRONMENT": "production"}, "IRIS_JWT_SECRET must be set in production"),
            ({"IRIS_RECEIPT_WINDOW": "soon"}, "IRIS_RECEIPT_WINDOW: "),
        )
    ]
    jobs = [(COMMAND.format(command=command), demo | environment) for command, environment, _ in cases]
    modules = ["cli.main", "embedded.demo", "operations.startup", "temporalio.runtime"]
    endings = await ended(modules, jobs, tmp_path)
    for (command, _, names), (code, output) in zip(cases, endings, strict=True):
        assert code == 2, (command, output)
        assert output.count("\n") == 1, (command, output)
        assert output.startswith("iris: "), (command, output)
        assert names in output, command


async def test_servers_that_are_not_reached_are_given_up_within_seconds(iris: Iris) -> None:
    began = time.monotonic()
    with pytest.raises(UnusableServerError):
        await prepare_servers(iris.settings.model_copy(update={"mongodb_uri": SecretStr(NOWHERE)}))
    with pytest.raises(TemporalUnreachableError, match=r"127\.0\.0\.1:1 does not answer"):
        await prepare_servers(iris.settings.model_copy(update={"temporal_address": "127.0.0.1:1"}))
    assert time.monotonic() - began < 40
    await prepare_servers(iris.settings)


class Standalone(Mongod):
    """A MongoDB server that is not a replica set."""

    @override
    def command(self) -> Sequence[str]:
        command = list(super().command())
        position = command.index("--replSet")
        return command[:position] + command[position + 2 :]

    @override
    async def serving(self) -> None:
        await until(lambda: is_listened_on(self._port))


@pytest.fixture(scope="module")
async def standalone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    directory = tmp_path_factory.mktemp("standalone")
    port = free_port()
    async with Standalone(directory / "db", port, directory / "mongodb.log"):
        yield f"mongodb://{LOOPBACK}:{port}"


@pytest.mark.parametrize("options", ["", "?replicaSet=rs0"])
async def test_a_standalone_server_is_refused_by_name(standalone: str, options: str) -> None:
    client_uri = f"{standalone}/{options}"
    async with mongodb_client(Settings(mongodb_uri=client_uri)) as client:  # pyright: ignore[reportArgumentType] - as from the environment
        with pytest.raises(UnusableServerError, match="it is a standalone server, and Iris needs a replica set"):
            await require_replica_set(client, client_uri)


async def test_a_replica_set_of_another_name_is_named(mongodb_uri: str) -> None:
    client_uri = mongodb_uri.replace("rs0", "rs7")
    wrong = Settings(mongodb_uri=client_uri)  # pyright: ignore[reportArgumentType] - as from the environment
    async with mongodb_client(wrong) as client:
        with pytest.raises(UnusableServerError, match="it is of the replica set rs0, not of rs7"):
            await require_replica_set(client, client_uri)


@pytest.mark.parametrize("command", ["api", "worker"])
async def test_sigterm_ends_a_start(command: str) -> None:
    """A server that accepts connections and never answers delays a start."""
    connected = asyncio.Event()

    async def never_answer(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        connected.set()
        await asyncio.sleep(60)

    async with await asyncio.start_server(never_answer, LOOPBACK, 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        uri = f"mongodb://{LOOPBACK}:{port}/?replicaSet=rs0"
        async with started("-m", "cli", command, MONGODB_URI=uri) as process:
            await asyncio.wait_for(connected.wait(), 60)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 3) == 128 + signal.SIGTERM


LEAVING: Final = """
import atexit, sys
import temporalio.client
from cli.ending import leave
atexit.register(print, "the interpreter was finalized")
sys.stdout.write("flushed")
leave({code!r})
"""


async def test_a_command_that_used_temporal_leaves_without_finalizing(tmp_path: Path) -> None:
    """Otherwise the threads of Temporal's SDK occasionally crash it:
    https://github.com/temporalio/sdk-python/issues/300.
    """
    jobs = [(LEAVING.format(code=code), dict[str, str]()) for code in (0, None, 3, "why")]
    endings = await ended(["cli.ending", "temporalio.client"], jobs, tmp_path)
    assert endings == [(0, "flushed"), (0, "flushed"), (3, "flushed"), (1, "flushedwhy\n")]


def test_a_variable_that_is_no_setting_is_named() -> None:
    known = (
        "IRIS_JWT_SECRET",
        "IRIS_LOG_LEVEL",
        "IRIS_LOG_REQUESTS",
        "IRIS_SANDBOX_LEDGER",
        "IRIS_CODEC_TOKEN",
        "IRIS_DEMO_API_KEY",
        "PATH",
    )
    assert unknown_variables([*known, "IRIS_JWT_SECERT", "TEMPORAL_ADDRESS"]) == ["IRIS_JWT_SECERT"]


def test_every_variable_that_a_command_reads_is_known() -> None:
    commands = "".join(path.read_text() for path in (ROOT / "cli").glob("*.py"))
    assert unknown_variables(re.findall(r'envvar="(IRIS_\w+)"', commands)) == []
