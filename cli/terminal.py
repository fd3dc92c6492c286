"""Terminal output of the CLI, in which untrusted text cannot move the cursor, hide or reorder anything.

ESC and the C1 controls start control sequences (ECMA-48, https://www.xfree86.org/current/ctlseqs.html); bidirectional
controls reorder displayed text (CVE-2021-42574, https://trojansource.codes).
"""

import json
import re
from collections.abc import Iterable
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.style import StyleType
from rich.table import Table
from rich.text import Text
from typing_extensions import override

_CONTROLS: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_BIDI: Final = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE: Final = r"\u2028\u2029\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_UNSAFE: Final = re.compile(f"[{_CONTROLS}{_BIDI}{_INVISIBLE}]")
_UNSAFE_IN_LINE: Final = re.compile(f"[\\n\\t{_CONTROLS}{_BIDI}{_INVISIBLE}]")

_READABLE: Final = 10
"""Characters of a column that suffice to recognise most words."""
_GAP: Final = 2
_INDENT: Final = 2


def escaped(text: str) -> str:
    r"""Make every control character but line feed and tab visible, as `\x1b` or `\u202e`."""
    return _UNSAFE.sub(_visible, text)


def one_line(text: str) -> str:
    r"""Make line feeds and tabs visible too, so that a text cannot pass for further lines."""
    return _UNSAFE_IN_LINE.sub(_visible, text)


def safe_json(value: object) -> str:
    """Indented JSON with control characters escaped; programs read the same value."""
    return _UNSAFE.sub(_json_escape, json.dumps(value, ensure_ascii=False, indent=2))


class SafeConsole(Console):
    """A console that makes control characters in its output visible, and sends none but its own."""

    @override
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escaped(segment.text), segment.style)


class DataTable(Table):
    """A data table, never wider than the terminal; cells are printed verbatim, including `[bold]`.

    Where the columns do not fit, each row becomes lines: the first cell, and below it the others with their headers.
    """

    def __init__(self, *columns: str) -> None:
        super().__init__(box=None, pad_edge=False)
        for position, column in enumerate(columns):
            self.add_column(column, no_wrap=position == 0, overflow="fold")

    @override
    def add_row(self, *cells: RenderableType | None, style: StyleType | None = None, end_section: bool = False) -> None:
        plain = (Text(cell) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*plain, style=style, end_section=end_section)

    @override
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.show_header or self._readable_width() <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        headers = [str(column.header) for column in self.columns]
        for row in zip(*(column.cells for column in self.columns), strict=True):
            first, *others = map(str, row)
            yield Text(first, style="bold", overflow="fold")
            for header, cell in zip(headers[1:], others, strict=True):
                if cell:
                    yield Padding(Text(f"{header} {cell}".strip(), overflow="fold"), (0, 0, 0, _INDENT))

    def _readable_width(self) -> int:
        """Width needed for the whole first column, and for enough of every other to recognise words."""
        first, *others = (
            max(cell_len(str(text)) for text in (column.header, *column.cells)) for column in self.columns
        )
        return first + sum(_GAP + min(width, _READABLE) for width in others)


def _visible(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _json_escape(match: re.Match[str]) -> str:
    """JSON escape of a character: in UTF-16, so a surrogate pair beyond the first plane."""
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
