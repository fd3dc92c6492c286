"""`iris strategies`, and `iris send --strategy`, against the running product."""

import json
from pathlib import Path

from domain.identifiers import new_id
from tests.cli.running import Command
from tests.cli.running import payload as answered
from tests.iris import Iris
from tests.product.runs import ended, step


async def test_a_strategy_is_created_rehearsed_sent_watched_and_deleted(
    iris: Iris, command: Command, tmp_path: Path
) -> None:
    file, rehearsal = tmp_path / "strategy.json", tmp_path / "rehearsal.json"
    text = {"Type": "simple-text", "Text": "Su código es {{codigo}}"}
    variables = [{"name": "codigo", "example": "123456"}]
    steps = [step(iris, "whatsapp", payLoad=text), step(iris, "sms", payLoad=text)]
    file.write_text(json.dumps({"name": f"codigo-{new_id()}", "variables": variables, "steps": steps}))
    created = json.loads(await command("strategies", "create", str(file)))
    assert created["name"] in await command("strategies", "list")
    assert json.loads(await command("strategies", "update", created["id"], str(file)))["version"] == 2
    assert json.loads(await command("strategies", "show", created["id"], "--version", "1"))["version"] == 1
    choice = {"id": created["id"], "variables": {"codigo": "1"}}
    rehearsal.write_text(json.dumps({"strategy": choice, "Destinations": ["34600000001"]}))
    assert "starts: deadline" in await command("strategies", "dry-run", str(rehearsal))
    sent = await answered(command, "send", "34600000001", "--strategy", created["id"], "--var", "codigo=4711")
    assert sent["payload"]["Text"] == "Su código es 4711"
    run_id = (await ended(iris, sent))["id"]
    assert "succeeded" in await command("strategies", "run", run_id)
    assert run_id in await command("strategies", "runs", "--strategy", created["id"])
    await command("strategies", "delete", created["id"])
    assert created["id"] not in await command("strategies", "list")
