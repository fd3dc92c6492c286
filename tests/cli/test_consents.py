"""`iris consents`, against the running product."""

import csv
import json
from pathlib import Path

from tests.api.support import mobile
from tests.cli.running import Command
from tests.cli.running import payload as answered


async def test_a_consent_is_set_listed_shown_and_deleted(command: Command) -> None:
    number = mobile()
    made = json.loads(await command("consents", "set", number, "out", "--category", "marketing", "--text", "Llamó"))
    assert made["id"] in await command("consents", "list", "--destination", number, "--state", "out")
    assert json.loads(await command("consents", "show", made["id"])) == made
    await command("consents", "delete", made["id"])
    assert (await answered(command, "consents", "list", "--destination", number))["items"] == []


async def test_an_export_is_imported_again(command: Command, tmp_path: Path) -> None:
    stated = {"kind": "PhoneNumber", "category": "all", "state": "out", "at": "2026-01-02T03:04:05.000Z"}
    rows = [{"destination": mobile(), **stated} for _ in range(3)]
    rows[0]["channel"] = "SMS"
    rows[1]["text"] = "=HYPERLINK(1)"
    rows[2]["text"] = "'-1"
    lines, table = tmp_path / "consents.ndjson", tmp_path / "consents.csv"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "3 read, 3 recorded or changed" in await command("consents", "import", str(lines))
    await command("consents", "export", str(table), "--state", "out")
    with table.open(newline="") as file:
        exported = {row["destination"]: row["text"] for row in csv.DictReader(file)}
    assert [exported[row["destination"]] for row in rows] == ["", "'=HYPERLINK(1)", "''-1"]
    assert "0 recorded or changed" in await command("consents", "import", str(table))
    shown = (await answered(command, "consents", "list", "--destination", rows[1]["destination"]))["items"]
    assert shown[0]["evidence"]["text"] == rows[1]["text"]


async def test_a_large_import_is_divided_by_the_size_of_a_request(command: Command, tmp_path: Path) -> None:
    row = {"category": "all", "state": "out", "at": "2026-01-02T03:04:05.000Z", "text": "x" * 200}
    lines = tmp_path / "consents.ndjson"
    lines.write_text("".join(json.dumps({"destination": mobile(), **row}) + "\n" for _ in range(1_100)))
    assert "1100 read, 1100 recorded or changed" in await command("consents", "import", str(lines))
