"""Servers of the embedded stack: they serve, restart with their data, and never outlive their parent."""

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from pymongo import AsyncMongoClient
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from typing_extensions import override

from embedded import parent_death_guard
from embedded.mongod import Mongod, find_mongod
from embedded.ports import free_port, is_listened_on
from embedded.processes import Server, ServerError, until
from embedded.temporal_server import TemporalServer, WebUi
from workflows import attributes

ROOT: Final = Path(__file__).parents[2]
LAUNCHER: Final = """
import asyncio, sys
from pathlib import Path
from embedded.mongod import Mongod
from embedded.temporal_server import TemporalServer, WebUi

async def launch(folder, mongodb_port, temporal_port):
    async with (
        Mongod(Path(folder, "mongodb"), int(mongodb_port), Path(folder, "mongodb.log")),
        TemporalServer(int(temporal_port), Path(folder, "temporal.log")),
    ):
        print("serving", flush=True)
        await asyncio.sleep(60)

asyncio.run(launch(*sys.argv[1:]))
"""
SILENT_SECONDS: Final = 4
TRAP_AND_TELL: Final = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print("ready", flush=True)
signal.pause()
"""
WATCHER: Final = """
import os, sys
from embedded import parent_death_guard
sys.exit(parent_death_guard.watch(os.getppid(), [sys.executable, "-c", sys.argv[1]]))
"""


class Stubborn(Server):
    """A server that ignores requests to end."""

    @override
    def command(self) -> Sequence[str]:
        program = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
        return [sys.executable, "-c", program]

    @override
    async def serving(self) -> None:
        await until(self._is_deaf)

    async def _is_deaf(self) -> bool:
        return "deaf" in self.last_words()


@dataclass(frozen=True)
class Running:
    """A process of ours whose output is read."""

    process: Process
    output: StreamReader

    async def readline(self) -> bytes:
        return await self.output.readline()


async def run(*command: str) -> Running:
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
    assert process.stdout
    return Running(process, process.stdout)


async def insert(mongod: Mongod, word: str) -> list[str]:
    async with AsyncMongoClient[dict[str, Any]](mongod.uri) as client:
        words = client["test"]["words"]
        await words.insert_one({"word": word})
        return [document["word"] async for document in words.find(sort=[("_id", 1)])]


async def start_workflow(server: TemporalServer, workflow_id: str) -> None:
    client = await Client.connect(server.address, namespace=server.namespace)
    pairs = [SearchAttributePair(key, ["value"] if key is attributes.USERS else "value") for key in attributes.KEYS]
    await client.start_workflow(
        "Anything", id=workflow_id, task_queue="nobody", search_attributes=TypedSearchAttributes(pairs)
    )


async def open_workflows(server: TemporalServer) -> set[str]:
    client = await Client.connect(server.address, namespace=server.namespace)
    return {workflow.id async for workflow in client.list_workflows("IrisFailure = 'value'")}


async def until_deserted(*ports: int) -> None:
    async def are_deserted() -> bool:
        return not any([await is_listened_on(port) for port in ports])

    async with asyncio.timeout(60):
        await until(are_deserted)


async def test_mongodb_keeps_what_it_acknowledged_when_it_is_killed_and_started_again_also_on_another_port(
    tmp_path: Path,
) -> None:
    async with Mongod(tmp_path / "data", free_port(), tmp_path / "log") as mongod:
        await insert(mongod, "before")
        await mongod.kill()
        await mongod.start()
        assert await insert(mongod, "after") == ["before", "after"]
    async with Mongod(tmp_path / "data", free_port(), tmp_path / "log") as elsewhere:
        assert await insert(elsewhere, "elsewhere") == ["before", "after", "elsewhere"]


async def test_mongodb_starts_elsewhere_while_a_silent_listener_has_its_former_port(tmp_path: Path) -> None:
    """MongoDB itself waits 30 s for a silent listener; this one closes the connection earlier, and is reached."""
    former, met = free_port(), asyncio.Event()
    async with Mongod(tmp_path / "data", former, tmp_path / "log") as mongod:
        await insert(mongod, "before")

    async def say_nothing(_reader: StreamReader, writer: StreamWriter) -> None:
        met.set()
        await asyncio.sleep(SILENT_SECONDS)
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", former) as silent:
        asyncio.get_running_loop().call_later(SILENT_SECONDS, silent.close)
        async with Mongod(tmp_path / "data", free_port(), tmp_path / "log") as elsewhere:
            assert await insert(elsewhere, "after") == ["before", "after"]
    assert met.is_set()
    assert Mongod.ready_seconds > 2 * 30


async def test_temporal_keeps_its_workflows_when_it_is_killed_and_started_again(tmp_path: Path) -> None:
    async with TemporalServer(free_port(), tmp_path / "log", database=tmp_path / "temporal.db") as server:
        await start_workflow(server, "before")
        await server.kill()
        await server.start()
        await start_workflow(server, "after")

        async def are_both_listed() -> bool:
            return await open_workflows(server) == {"before", "after"}

        async with asyncio.timeout(60):
            await until(are_both_listed)


async def test_temporal_serves_its_web_ui_and_the_namespace_asked_for_whose_first_moment_knows_our_search_attributes(
    tmp_path: Path,
) -> None:
    ui_port = free_port()
    async with TemporalServer(free_port(), tmp_path / "log", ui=WebUi(ui_port), namespace="iris") as server:
        await start_workflow(server, "in our namespace")
        assert await is_listened_on(ui_port)
        assert server.ui_url == f"http://127.0.0.1:{ui_port}"


async def test_a_server_that_is_not_there_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_MONGOD", str(tmp_path / "no-such-mongod"))
    with pytest.raises(ServerError, match="no-such-mongod: No such file or directory"):
        await Mongod(tmp_path / "data", free_port(), tmp_path / "log").start()


async def test_a_missing_shared_library_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "mongod"
    broken.write_text(
        "#!/bin/sh\necho 'mongod: error while loading shared libraries: libcurl.so.4: not found'; exit 127"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("IRIS_MONGOD", str(broken))
    with pytest.raises(ServerError, match=r"libcurl\.so\.4 is missing.*apt-get install libcurl4"):
        await Mongod(tmp_path / "data", free_port(), tmp_path / "log").start()


async def test_a_server_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    async with Stubborn("Stubborn", tmp_path / "log") as server:
        await server.stop(seconds=0.1)
        assert server.pid is None
        assert await server.ended() == -signal.SIGKILL


async def test_no_server_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    launcher = await run(sys.executable, "-c", LAUNCHER, str(tmp_path), *map(str, ports))
    assert await launcher.readline() == b"serving\n"
    launcher.process.kill()
    await launcher.process.wait()
    await until_deserted(*ports)


async def test_the_guard_without_prctl_hands_on_the_request_to_end_and_the_exit_code() -> None:
    watcher = await run(sys.executable, "-c", WATCHER, TRAP_AND_TELL)
    assert await watcher.readline() == b"ready\n"
    watcher.process.terminate()
    assert await watcher.process.wait() == 3


async def test_the_guard_without_prctl_kills_its_child_when_the_parent_is_killed() -> None:
    parent_of_watcher = "import subprocess, sys; subprocess.call(sys.argv[1:])"
    parent = await run(sys.executable, "-c", parent_of_watcher, sys.executable, "-c", WATCHER, TRAP_AND_TELL)
    assert await parent.readline() == b"ready\n"
    parent.process.kill()
    assert await parent.readline() == b""  # end of the pipe: every writer has ended


@pytest.mark.parametrize("arguments", [[], ["1"], ["1", "--"], ["one", "--", "true"]])
def test_the_guard_refuses_a_command_line_that_is_none(arguments: list[str]) -> None:
    assert parent_death_guard.main(arguments) == parent_death_guard.USAGE_ERROR


async def test_the_guard_runs_nothing_for_a_parent_that_has_ended() -> None:
    never_its_parent = "1" if os.getpid() != 1 else "2"
    guarded = await run(sys.executable, parent_death_guard.__file__, never_its_parent, "--", "echo", "ran")
    assert await guarded.readline() == b""
    assert await guarded.process.wait() == 0


async def test_the_preferred_port_is_taken_if_it_is_free_and_another_if_not() -> None:
    port = free_port()
    assert free_port(port) == port
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port):
        assert free_port(port) != port


def test_no_port_is_given_twice() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)


async def test_a_server_whose_port_is_held_for_an_instant_starts_and_one_that_cannot_start_gives_its_last_words(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port) as holder:
        asyncio.get_running_loop().call_later(1, holder.close)
        async with Mongod(tmp_path / "data", port, tmp_path / "log") as mongod:
            assert mongod.pid
            with pytest.raises(ServerError, match="Unable to lock the lock file"):
                await Mongod(tmp_path / "data", free_port(), tmp_path / "other log").start()


def test_the_packaged_mongod_is_found() -> None:
    assert find_mongod().exists()


async def test_every_poller_of_a_queue_is_listed_and_an_ended_temporal_server_has_none(
    tmp_path: Path,
) -> None:
    server = TemporalServer(free_port(), tmp_path / "temporal.log")
    assert not await server.has_worker("iris", "nobody")
    async with server:
        assert not await server.has_worker("iris", "nobody")
        clients = [await Client.connect(server.address, identity=f"worker-{number}") for number in range(12)]
        queue = TaskQueue(name="polled")
        polls = [
            asyncio.ensure_future(
                client.workflow_service.poll_workflow_task_queue(
                    PollWorkflowTaskQueueRequest(namespace="default", task_queue=queue, identity=client.identity)
                )
            )
            for client in clients
        ]
        async with asyncio.timeout(60):
            for client in clients:
                await until(lambda client=client: server.has_worker("polled", client.identity))
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)
        await server.kill()
        assert not await server.has_worker("polled", clients[0].identity)
