"""`iris up`: the whole product by one command, kept alive, kept between runs, and gone when it is told to go."""

import asyncio
import base64
import json
import os
import shutil
import signal
import stat
import sys
from asyncio import StreamReader
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from embedded.ports import free_port, is_listened_on
from embedded.processes import until
from embedded.temporal_server import TemporalServer

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = ("api", "sandbox", "codec", "temporal", "temporal-ui", "mongodb")
SLOW: Final = "34600000011"
"""The sandbox answers for this recipient after three seconds."""
START_SECONDS: Final = 60
STOP_SECONDS: Final = 20

pytestmark = pytest.mark.timeout(150)  # starting everything twice on a busy machine


@dataclass(frozen=True)
class Stack:
    """A running `iris up`."""

    process: Process
    output: StreamReader
    data: Path
    ports: Mapping[str, int]

    async def printed_until(self, words: str) -> list[str]:
        lines: list[str] = []
        async with asyncio.timeout(START_SECONDS):
            while not lines or words not in lines[-1]:
                line = await self.output.readline()
                assert line, f"it ended after printing {lines}"
                lines.append(line.decode().rstrip("\n"))
        return lines

    async def stop(self) -> str:
        """Ask it to stop as Ctrl-C does; the rest of what it printed."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(STOP_SECONDS):
            output, _ = await self.process.communicate()
        return output.decode()

    def described(self) -> dict[str, Any]:
        return json.loads((self.data / "stack.json").read_text())

    def pid_of(self, part: str) -> int:
        return int((self.data / "run" / f"{part}.pid").read_text())

    async def until_deserted(self) -> None:
        async def is_deserted() -> bool:
            return not any([await is_listened_on(port) for port in self.ports.values()])

        async with asyncio.timeout(STOP_SECONDS):
            await until(is_deserted)


async def start(data: Path, *options: str, **environment: str) -> Stack:
    ports = {part: free_port() for part in PARTS}
    port_options = [f"--{part}-port={port}" for part, port in ports.items()]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "cli.py", "up", "--data-dir", str(data), *port_options, *options),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=PIPE,
        stderr=STDOUT,
    )
    assert process.stdout
    return Stack(process, process.stdout, data, ports)


@asynccontextmanager
async def running(data: Path, *options: str, **environment: str) -> AsyncGenerator[tuple[Stack, list[str]]]:
    """A stack that serves, and what it printed until it did."""
    stack = await start(data, *options, **environment)
    try:
        yield stack, await stack.printed_until("Ctrl-C stops everything")
    finally:
        if stack.process.returncode is None:
            stack.process.kill()
            await stack.process.wait()


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stack, list[str]]]:
    async with running(tmp_path_factory.mktemp("iris")) as (stack, printed):
        yield stack, printed


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def send(stack: Stack, destination: str = "34600000001") -> dict[str, Any]:
    """The interaction that a send through a running stack answers."""
    described = stack.described()
    message = {
        "payLoad": {"Type": "simple-text", "Text": "Hello"},
        "integrationId": described["integrations"]["sms"],
        "processId": None,
        "Destinations": [destination],
        "AutoCreateUser": True,
        "AutoCreateProcess": True,
    }
    async with client_of(described) as http:
        return (await http.post("/v1/interactions", json=message)).json()["payload"]


def client_of(described: dict[str, Any]) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {described['api_key']}"}
    return httpx2.AsyncClient(base_url=described["api_url"], headers=headers, trust_env=False)


def example_in(printed: list[str]) -> str:
    start = next(number for number, line in enumerate(printed) if line.startswith("curl"))
    end = next(number for number, line in enumerate(printed[start:], start) if not line.endswith("\\"))
    return "\n".join(printed[start : end + 1])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example needs curl, which is not installed here")
async def test_the_printed_example_works_when_pasted(shared: tuple[Stack, list[str]]) -> None:
    _, printed = shared
    shell = await asyncio.create_subprocess_shell(example_in(printed), stdout=PIPE)
    answer = json.loads((await shell.communicate())[0])
    assert answer["status"] == 200
    assert answer["payload"]["status"] == "DISPATCH_PENDING"


async def test_everything_is_where_the_stack_file_says_and_only_its_owner_may_read_it(
    shared: tuple[Stack, list[str]],
) -> None:
    stack, _ = shared
    described = stack.described()
    assert stat.S_IMODE((stack.data / "stack.json").stat().st_mode) == 0o600
    assert list(described) == [
        *(
            "api_url",
            "temporal_address",
            "temporal_namespace",
            "temporal_ui_url",
            "codec_url",
            "mongodb_uri",
            "sandbox_url",
        ),
        *("tenant", "api_key", "integrations"),
    ]
    assert list(described["integrations"]) == ["sms", "whatsapp", "rcs", "email", "messenger"]
    async with httpx2.AsyncClient(trust_env=False) as http:
        for url in (f"{described['api_url']}/docs", described["temporal_ui_url"], f"{described['sandbox_url']}/health"):
            assert (await http.get(url, follow_redirects=True)).status_code == 200


async def test_a_second_stack_in_the_same_directory_is_refused(shared: tuple[Stack, list[str]]) -> None:
    stack, _ = shared
    second = await start(stack.data)
    printed = (await second.process.communicate())[0].decode()
    assert second.process.returncode == 1
    assert f"already runs in {stack.data} (process {stack.process.pid})" in " ".join(printed.split())


@pytest.mark.parametrize("part", ["api", "mongodb", "temporal", "sandbox"])
async def test_a_part_that_is_killed_comes_back_on_its_port(shared: tuple[Stack, list[str]], part: str) -> None:
    stack, _ = shared
    killed = stack.pid_of(part)
    os.kill(killed, signal.SIGKILL)
    printed = await stack.printed_until("serves again")
    assert any("was ended by SIGKILL: starting it again" in line for line in printed)
    assert stack.pid_of(part) != killed
    assert await is_listened_on(stack.ports[part])


async def test_a_worker_that_is_killed_comes_back(shared: tuple[Stack, list[str]]) -> None:
    stack, _ = shared
    os.kill(stack.pid_of("worker"), signal.SIGKILL)
    await stack.printed_until("iris worker serves again")
    assert (await send(stack))["status"] == "DISPATCH_PENDING"


async def test_what_it_holds_is_kept_from_one_run_to_the_next(tmp_path: Path) -> None:
    async with running(tmp_path) as (first, _):
        sent = await send(first)
        before = first.described()
        assert "Iris has stopped." in await first.stop()
        assert first.process.returncode == 0
        await first.until_deserted()
        assert not (tmp_path / "stack.json").exists()
        assert names_in(tmp_path / "run") == []
    async with running(tmp_path) as (second, _):
        after = second.described()
        assert (after["api_key"], after["integrations"]) == (before["api_key"], before["integrations"])
        async with client_of(after) as http:
            answer = await http.get(f"/v1/interactions/{sent['id']}")
        assert answer.json()["payload"]["id"] == sent["id"]


async def test_a_second_ctrl_c_does_not_wait_for_what_is_being_sent(tmp_path: Path) -> None:
    async with running(tmp_path) as (stack, _):
        await send(stack, SLOW)
        stack.process.send_signal(signal.SIGINT)
        await stack.printed_until("Ctrl-C again ends at once")
        stack.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(stack.process.wait(), 10) == -signal.SIGINT
        await stack.until_deserted()


async def test_the_web_ui_shows_what_was_sent_although_temporal_keeps_it_encrypted(
    shared: tuple[Stack, list[str]],
) -> None:
    described = shared[0].described()
    sent = await send(shared[0])
    history = f"/api/v1/namespaces/default/workflows/interaction-{sent['id']}/history"
    async with httpx2.AsyncClient(base_url=described["temporal_ui_url"], trust_env=False) as ui:
        codec = (await ui.get("/api/v1/settings")).json()["Codec"]["Endpoint"]
        events = (await ui.get(history)).json()["history"]["events"]
        payloads = events[0]["workflowExecutionStartedEventAttributes"]["input"]
        headers = {"Origin": described["temporal_ui_url"]}
        decrypted = await ui.post(f"{codec}/decode", json=payloads, headers=headers)
    assert codec == described["codec_url"]
    assert decrypted.headers["access-control-allow-origin"] == described["temporal_ui_url"]
    assert b"Hello" not in base64.b64decode(payloads["payloads"][0]["data"])
    assert b"Hello" in base64.b64decode(decrypted.json()["payloads"][0]["data"])


async def test_no_part_outlives_a_stack_that_is_killed(tmp_path: Path) -> None:
    async with running(tmp_path) as (stack, _):
        stack.process.kill()
        await stack.process.wait()
        await stack.until_deserted()


async def test_a_taken_port_is_replaced_and_said_and_without_keys_there_is_no_codec(tmp_path: Path) -> None:
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as occupant:
        taken = occupant.sockets[0].getsockname()[1]
        async with running(tmp_path, f"--api-port={taken}", IRIS_PAYLOAD_KEYS="") as (stack, printed):
            assert any(f"Port {taken} (api) is taken" in line for line in printed)
            assert (await send(stack))["status"] == "DISPATCH_PENDING"
            assert str(taken) not in stack.described()["api_url"]
            assert stack.described()["codec_url"] is None  # nothing is encrypted where no keys are wanted


async def test_servers_that_exist_are_used_and_an_ephemeral_stack_leaves_nothing(
    tmp_path: Path, mongodb_uri: str, temporal_server: TemporalServer, database_name: str
) -> None:
    environment = {
        "MONGODB_URI": mongodb_uri,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "IRIS_MONGODB_DATABASE": f"{database_name}_stack",
        "IRIS_TASK_QUEUE": f"{database_name}_stack",
        "TMPDIR": str(tmp_path),
    }
    async with running(tmp_path / "unused", "--ephemeral", **environment) as (stack, printed):
        data = next(line.split()[-1] for line in printed if line.strip().startswith("Data"))
        assert (await send(replace(stack, data=Path(data))))["status"] == "DISPATCH_PENDING"
        assert not await is_listened_on(stack.ports["mongodb"])
        assert not await is_listened_on(stack.ports["temporal"])
        await stack.stop()
    assert names_in(tmp_path) == []
