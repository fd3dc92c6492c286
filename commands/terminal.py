"""What the CLI prints on a terminal: text that others wrote cannot move the cursor, hide or reorder anything.

ESC and the C1 controls start control sequences (ECMA-48, https://www.xfree86.org/current/ctlseqs.html); bidirectional
controls show text in another order than it has (CVE-2021-42574, https://trojansource.codes).
"""

import json
import re
from collections.abc import Iterable
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from typing_extensions import override

_CONTROLS: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_BIDI: Final = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE: Final = r"\u2028\u2029\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_UNSAFE: Final = re.compile(f"[{_CONTROLS}{_BIDI}{_INVISIBLE}]")
_UNSAFE_IN_LINE: Final = re.compile(f"[\\n\\t{_CONTROLS}{_BIDI}{_INVISIBLE}]")


def escaped(text: str) -> str:
    r"""A text in which every control character but line feed and tab is visible, as `\x1b` or `\u202e`."""
    return _UNSAFE.sub(_visible, text)


def one_line(text: str) -> str:
    r"""A text in which line feeds and tabs are visible too, so that it cannot pass for further lines."""
    return _UNSAFE_IN_LINE.sub(_visible, text)


def safe_json(value: object) -> str:
    """Indented JSON in which control characters are escaped as JSON escapes them; programs read the same value."""
    return _UNSAFE.sub(_json_escape, json.dumps(value, ensure_ascii=False, indent=2))


class SafeConsole(Console):
    """A console that shows control characters within what it prints, and sends none but its own."""

    @override
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escaped(segment.text), segment.style)


def _visible(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _json_escape(match: re.Match[str]) -> str:
    """The character as JSON escapes it: in UTF-16, so beyond the first plane as two."""
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
