"""`iris up`: the whole product by one command, kept alive, persistent between runs, and stopped on request."""

import asyncio
import base64
import json
import re
import shutil
import stat
from asyncio.subprocess import PIPE
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.data_directory import open_data_directory
from embedded.ports import is_listened_on
from embedded.processes import ServerError
from embedded.temporal_server import TemporalServer
from tests.plain_http import plain_client
from tests.stack.running import EarlierRun, Stack, client_of, names_in, running, send

pytestmark = pytest.mark.timeout(300)  # starting everything twice on a busy machine


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


async def test_the_stack_file_is_correct_and_readable_to_its_owner_only(
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
    holder = re.escape(f"already runs in {stack.data} (process {stack.process.pid})")
    with pytest.raises(ServerError, match=holder), open_data_directory(stack.data, ephemeral=False):
        pytest.fail("it is let in")


async def test_parts_that_are_killed_come_back_on_their_ports(shared_stack: tuple[Stack, list[str]]) -> None:
    """`test_kills.py` kills MongoDB, Temporal and the worker."""
    stack, _ = shared_stack
    for killed in [stack.kill(part) for part in ("api", "sandbox")]:
        await killed.has_come_back()


async def test_a_stack_that_is_asked_to_stop_ends_well_and_leaves_no_trace_of_running(earlier_run: EarlierRun) -> None:
    assert "Iris has stopped." in earlier_run.last_words
    assert earlier_run.exit_code == 0
    assert earlier_run.left == []


async def test_data_persists_between_runs(earlier_run: EarlierRun, shared_stack: tuple[Stack, list[str]]) -> None:
    before, after = earlier_run.described, shared_stack[0].described()
    assert (after["api_key"], after["integrations"]) == (before["api_key"], before["integrations"])
    async with client_of(after) as http:
        answer = await http.get(f"/v1/interactions/{earlier_run.sent['id']}")
    assert answer.json()["payload"]["id"] == earlier_run.sent["id"]


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


async def test_without_keys_beside_a_taken_port_servers_that_exist_are_used_and_an_ephemeral_stack_leaves_nothing(
    tmp_path: Path, mongodb_uri: str, temporal_server: TemporalServer, database_name: str
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {
        "MONGODB_URI": mongodb_uri,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "IRIS_MONGODB_DATABASE": f"{database_name}_stack",
        "IRIS_TASK_QUEUE": f"{database_name}_stack",
        "IRIS_PAYLOAD_KEYS": "",
        "TMPDIR": str(temporary),
    }
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as occupant:
        taken = occupant.sockets[0].getsockname()[1]
        options = ("--ephemeral", f"--api-port={taken}")
        async with running(tmp_path / "unused", *options, **environment) as (stack, printed):
            assert any(f"Port {taken} (api) is taken" in line for line in printed)
            data = next(line.split()[-1] for line in printed if line.strip().startswith("Data"))
            ephemeral = replace(stack, data=Path(data))
            assert (await send(ephemeral))["status"] == "DISPATCH_PENDING"
            described = ephemeral.described()
            assert str(taken) not in described["api_url"]
            assert described["codec_url"] is None  # nothing is encrypted without keys
            assert not await is_listened_on(stack.ports["mongodb"])
            assert not await is_listened_on(stack.ports["temporal"])
            await stack.stop()
    assert names_in(temporary) == []
    assert not (tmp_path / "unused").exists()
