"""`iris rules`, against the running product."""

import json
from pathlib import Path

from tests.cli.running import Command, payload


async def test_rules_are_set_read_and_asked(command: Command, tmp_path: Path) -> None:
    assert "es-marketing" in await command("rules", "presets")
    file = tmp_path / "rules.json"
    try:
        made = json.loads(await command("rules", "set", "--preset", "es-marketing", "--time-zone", "Europe/Madrid"))
        file.write_text(await command("rules", "get"))
        again = json.loads(await command("rules", "set", str(file)))
        assert again | {"version": 0, "updated": 0} == made | {"version": 0, "updated": 0}
        asked = ("rules", "check", "34638766068", "--category", "marketing", "--at", "2026-12-05T22:00:00Z")
        found = await payload(command, *asked)
        assert (found["goes"], found["at"]) == ("later", "2026-12-07T09:00:00.000Z")
        assert "later 2026-12-07T09:00:00.000Z" in await command(*asked)
    finally:
        file.write_text('{"rules": []}')
        await command("rules", "set", str(file))
