"""Untrusted text cannot control the CLI's terminal, and programs still read it unchanged."""

import io
import json

import pytest

from cli.terminal import DataTable, SafeConsole, escaped, one_line, safe_json

HOSTILE = "\x1b[2J\x9b31m\u202egnp.exe\x07\u2066\x7f\r"


CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202a", "\u202e", "\u2066", "\u2069"]


def test_a_control_character_is_shown_and_not_sent() -> None:
    for character in CONTROLS:
        assert escaped(character).isprintable() or character in "\n\t", repr(character)
        assert one_line(character).isprintable(), repr(character)


def test_a_table_and_a_line_send_no_control_character_of_their_data() -> None:
    written = io.StringIO()
    console = SafeConsole(file=written, width=200)
    table = DataTable("text")
    table.add_row(HOSTILE)
    console.print(table)
    console.print(HOSTILE, markup=False, highlight=False)
    assert "\\x1b[2J" in written.getvalue()
    assert all(character.isprintable() or character == "\n" for character in written.getvalue())


def shown(table: DataTable, width: int) -> list[str]:
    written = io.StringIO()
    SafeConsole(file=written, width=width).print(table)
    return [line.rstrip() for line in written.getvalue().splitlines()]


@pytest.mark.parametrize("width", [30, 200])
@pytest.mark.parametrize("text", ["closed [/] or [/b]", "[bold]loud[/bold]", "[link=http://a]b"])
def test_untrusted_text_is_no_markup_in_a_table(text: str, width: int) -> None:
    table = DataTable("id", "text", "when", "where")
    table.add_row("1", text, "2026-11-30", "at the end")
    assert text in "\n".join(shown(table, width))


def test_a_table_without_room_for_its_columns_becomes_lines() -> None:
    table = DataTable("id", "created", "status", "summary")
    table.add_row("edd9c998ac4a96071535498e", "2026-11-30T21:07:00.030Z", "", "Sí, allí estaré")
    assert shown(table, 200)[0].split() == ["id", "created", "status", "summary"]
    assert shown(table, 40) == [
        "edd9c998ac4a96071535498e",
        "  created 2026-11-30T21:07:00.030Z",
        "  summary Sí, allí estaré",
    ]


def test_json_is_the_same_value_without_a_control_character() -> None:
    shown = safe_json({"text": HOSTILE})
    assert json.loads(shown) == {"text": HOSTILE}
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_text_in_any_language_is_unchanged() -> None:
    assert one_line("Mañana a las 10 €, 日本語 😀") == "Mañana a las 10 €, 日本語 😀"
