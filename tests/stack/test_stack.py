"""`iris up`: the whole product by one command, kept alive, kept between runs, and gone when it is told to go."""

import asyncio
import base64
import json
import shutil
import signal
import stat
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from embedded.ports import is_listened_on
from embedded.temporal_server import TemporalServer
from tests.plain_http import plain_client
from tests.stack.running import Stack, client_of, running, send, start

SLOW: Final = "34600000011"
"""The sandbox answers for this recipient after three seconds."""

pytestmark = pytest.mark.timeout(300)  # starting everything twice on a busy machine


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@dataclass(frozen=True)
class TwoRuns:
    """One run after the other in the same directory: what there was of the first, and the second, which still runs."""

    described: Mapping[str, Any]
    sent: Mapping[str, Any]
    last_words: str
    exit_code: int | None
    left: list[str]
    second: Stack


@pytest.fixture(scope="module")
async def two_runs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TwoRuns]:
    data = tmp_path_factory.mktemp("runs") / "data"
    async with running(data) as (first, _):
        sent, described = await send(first), first.described()
        last_words = await first.stop()
        await first.until_deserted()
        left = [name for name in ("stack.json",) if (data / name).exists()] + names_in(data / "run")
    async with running(data) as (second, _):
        yield TwoRuns(described, sent, last_words, first.process.returncode, left, second)


def example_in(printed: list[str]) -> str:
    start = next(number for number, line in enumerate(printed) if line.startswith("curl"))
    end = next(number for number, line in enumerate(printed[start:], start) if not line.endswith("\\"))
    return "\n".join(printed[start : end + 1])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example needs curl, which is not installed here")
async def test_the_printed_example_works_when_pasted(shared_stack: tuple[Stack, list[str]]) -> None:
    _, printed = shared_stack
    shell = await asyncio.create_subprocess_shell(example_in(printed), stdout=PIPE)
    answer = json.loads((await shell.communicate())[0])
    assert answer["status"] == 200
    assert answer["payload"]["status"] == "DISPATCH_PENDING"


async def test_everything_is_where_the_stack_file_says_and_only_its_owner_may_read_it(
    shared_stack: tuple[Stack, list[str]],
) -> None:
    stack, _ = shared_stack
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
    async with plain_client() as http:
        for url in (f"{described['api_url']}/docs", described["temporal_ui_url"], f"{described['sandbox_url']}/health"):
            assert (await http.get(url, follow_redirects=True)).status_code == 200


async def test_a_second_stack_in_the_same_directory_is_refused(shared_stack: tuple[Stack, list[str]]) -> None:
    stack, _ = shared_stack
    second = await start(stack.data)
    assert await second.process.wait() == 1
    printed = " ".join(second.printed())
    assert f"already runs in {stack.data} (process {stack.process.pid})" in " ".join(printed.split())


@pytest.mark.parametrize("part", ["api", "mongodb", "temporal", "sandbox"])
async def test_a_part_that_is_killed_comes_back_on_its_port(shared_stack: tuple[Stack, list[str]], part: str) -> None:
    stack, _ = shared_stack
    killed = stack.pid_of(part)
    printed = await stack.printed_until("serves again", stack.kill(part))
    assert any("was ended by SIGKILL: starting it again" in line for line in printed)
    assert stack.pid_of(part) != killed
    assert await is_listened_on(stack.ports[part])


async def test_a_worker_that_is_killed_comes_back(shared_stack: tuple[Stack, list[str]]) -> None:
    stack, _ = shared_stack
    await stack.printed_until("iris worker serves again", stack.kill("worker"))
    assert (await send(stack))["status"] == "DISPATCH_PENDING"


async def test_a_stack_that_is_asked_to_stop_ends_well_and_leaves_no_trace_of_running(two_runs: TwoRuns) -> None:
    assert "Iris has stopped." in two_runs.last_words
    assert two_runs.exit_code == 0
    assert two_runs.left == []


async def test_what_it_holds_is_kept_from_one_run_to_the_next(two_runs: TwoRuns) -> None:
    before, after = two_runs.described, two_runs.second.described()
    assert (after["api_key"], after["integrations"]) == (before["api_key"], before["integrations"])
    async with client_of(after) as http:
        answer = await http.get(f"/v1/interactions/{two_runs.sent['id']}")
    assert answer.json()["payload"]["id"] == two_runs.sent["id"]


async def test_the_web_ui_shows_what_was_sent_although_temporal_keeps_it_encrypted(
    shared_stack: tuple[Stack, list[str]],
) -> None:
    described = shared_stack[0].described()
    sent = await send(shared_stack[0])
    history = f"/api/v1/namespaces/default/workflows/interaction-{sent['id']}/history"
    async with plain_client(base_url=described["temporal_ui_url"]) as ui:
        codec = (await ui.get("/api/v1/settings")).json()["Codec"]["Endpoint"]
        events = (await ui.get(history)).json()["history"]["events"]
        payloads = events[0]["workflowExecutionStartedEventAttributes"]["input"]
        headers = {"Origin": described["temporal_ui_url"]}
        decrypted = await ui.post(f"{codec}/decode", json=payloads, headers=headers)
    assert codec == described["codec_url"]
    assert decrypted.headers["access-control-allow-origin"] == described["temporal_ui_url"]
    assert b"Hello" not in base64.b64decode(payloads["payloads"][0]["data"])
    assert b"Hello" in base64.b64decode(decrypted.json()["payloads"][0]["data"])


async def test_a_second_ctrl_c_does_not_wait_for_what_is_being_sent(two_runs: TwoRuns) -> None:
    stack = two_runs.second
    await send(stack, SLOW)
    lines = len(stack.printed())
    stack.process.send_signal(signal.SIGINT)
    await stack.printed_until("Ctrl-C again ends at once", lines)
    stack.process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(stack.process.wait(), 10) == -signal.SIGINT
    await stack.until_deserted()


async def test_a_taken_port_is_replaced_and_said_without_keys_there_is_no_codec_and_no_part_outlives_a_kill(
    tmp_path: Path,
) -> None:
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as occupant:
        taken = occupant.sockets[0].getsockname()[1]
        async with running(tmp_path / "data", f"--api-port={taken}", IRIS_PAYLOAD_KEYS="") as (stack, printed):
            assert any(f"Port {taken} (api) is taken" in line for line in printed)
            assert (await send(stack))["status"] == "DISPATCH_PENDING"
            described = stack.described()
            assert str(taken) not in described["api_url"]
            assert described["codec_url"] is None  # nothing is encrypted where no keys are wanted
            stack.process.kill()
            await stack.process.wait()
            await replace(stack, ports={**stack.ports, "api": httpx2.URL(described["api_url"]).port}).until_deserted()


async def test_servers_that_exist_are_used_and_an_ephemeral_stack_leaves_nothing(
    tmp_path: Path, mongodb_uri: str, temporal_server: TemporalServer, database_name: str
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {
        "MONGODB_URI": mongodb_uri,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "IRIS_MONGODB_DATABASE": f"{database_name}_stack",
        "IRIS_TASK_QUEUE": f"{database_name}_stack",
        "TMPDIR": str(temporary),
    }
    async with running(tmp_path / "unused", "--ephemeral", **environment) as (stack, printed):
        data = next(line.split()[-1] for line in printed if line.strip().startswith("Data"))
        assert (await send(replace(stack, data=Path(data))))["status"] == "DISPATCH_PENDING"
        assert not await is_listened_on(stack.ports["mongodb"])
        assert not await is_listened_on(stack.ports["temporal"])
        await stack.stop()
    assert names_in(temporary) == []
    assert not (tmp_path / "unused").exists()
