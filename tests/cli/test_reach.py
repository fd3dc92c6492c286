"""`iris reach`, against the running product."""

import json
from pathlib import Path

from tests.cli.running import Command


async def test_reach_is_set_and_read(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "reach.json"
    before = await command("reach", "get")
    file.write_text(json.dumps({"rules": [{"countries": {"NZ": "block"}}], "monitoredPerDay": 7}))
    try:
        await command("reach", "set", str(file))
        read = json.loads(await command("reach", "get"))
        assert (read["rules"][0]["countries"], read["monitoredPerDay"]) == ({"NZ": "block"}, 7)
        assert "reached" in await command("reach", "reached")
    finally:
        file.write_text(before)
        await command("reach", "set", str(file))
