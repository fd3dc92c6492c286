"""`iris templates`, and `iris send --template`, against the running product."""

import json
from pathlib import Path

from domain.identifiers import new_id
from tests.api.support import mobile
from tests.cli.running import Command
from tests.cli.running import payload as answered
from tests.iris import Iris


async def test_a_template_is_created_changed_previewed_sent_and_deleted(
    iris: Iris, command: Command, tmp_path: Path
) -> None:
    file, newer = tmp_path / "template.json", tmp_path / "newer.json"
    payload = {"Type": "simple-text", "Text": "Hola, {{nombre}}"}
    name = f"hola-{new_id()}"
    template = {"name": name, "channel": "SMS", "payload": payload, "variables": [{"name": "nombre", "example": "Ana"}]}
    file.write_text(json.dumps(template))
    newer.write_text(json.dumps({"payload": {**payload, "Text": "Adiós, {{nombre}}"}}))
    created = await answered(command, "templates", "create", str(file))
    assert (await answered(command, "templates", "update", created["id"], str(newer)))["version"] == 2
    assert name in await command("templates", "list", "--channel", "SMS")
    shown = await command("templates", "show", created["id"], "--version", "1")
    assert "Hola, {{nombre}}" in shown
    rendered = await command("templates", "render", created["id"], "--var", "nombre=Eva")
    assert json.loads(rendered) == {"Type": "simple-text", "Text": "Adiós, Eva"}
    integration = ("--integration", iris.demo.integrations["sms"])
    sent = await answered(command, "send", mobile(), "--template", created["id"], "--var", "nombre=Eva", *integration)
    assert sent["payload"]["Text"] == "Adiós, Eva"
    await command("templates", "delete", created["id"])
    assert created["id"] not in await command("templates", "list")
