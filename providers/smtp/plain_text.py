"""Conversion of HTML to plain text, for readers without HTML.

It replaces `html.parser`, which a caller's HTML can keep busy for minutes (CVE-2025-6069). Every step here takes linear
time.
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Final

_WORD, _LINE, _PARAGRAPH = " ", "\n", "\n\n"
_WIDTHS: Final = ("", _WORD, _LINE, _PARAGRAPH)

_SPACES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"), _PARAGRAPH),
    **dict.fromkeys(("address", "article", "aside", "dd", "div", "dl", "dt", "footer", "header"), _LINE),
    **dict.fromkeys(("hr", "li", "main", "nav", "section", "tr"), _LINE),
    **dict.fromkeys(("td", "th"), _WORD),
}
"""Space before and after an element; where two meet, the wider applies."""

_UNREAD: Final = frozenset({"script", "style", "template", "title"})
"""Elements whose text is not shown."""

_TAG: Final = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][^\s/<>]*+)(?P<attributes>[^<>]*+)>")
_DECLARATION: Final = re.compile(r"<[!?][^<>]*+>")
_ATTRIBUTE: Final = re.compile(
    r"""(?<![^\s"'])(?P<name>href|alt)\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^\s"']+)""", re.IGNORECASE
)
_NO_CHARACTER: Final = re.compile(r"&#[xX]?[0-9A-Fa-f]{8,};?")
"""Numbers beyond Unicode, which `unescape` would convert to an integer of any length."""


def html_to_text(html: str) -> str:
    """Return the text of an HTML document: its words, its paragraphs, and the targets of its links."""
    reader = _Reader()
    position = 0
    content = _DECLARATION.sub("", _without_comments(html))
    for tag in _TAG.finditer(content):
        reader.read_words(content[position : tag.start()])
        reader.read_tag(tag["name"].lower(), tag["attributes"], is_end=bool(tag["end"]))
        position = tag.end()
    reader.read_words(content[position:])
    return reader.text()


def _without_comments(html: str) -> str:
    first, *others = html.split("<!--")
    return first + "".join(other.partition("-->")[2] for other in others)


def _unescape(text: str) -> str:
    return unescape(_NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text))


class _Reader:
    """Collects the visible text."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._space = ""
        self._unread = ""
        self._link: tuple[str, int] | None = None

    def text(self) -> str:
        """Return the collected text."""
        return "".join(self._parts).strip()

    def read_tag(self, name: str, attributes: str, *, is_end: bool) -> None:
        """Read the start or the end of an element."""
        self._widen(_SPACES.get(name, ""))
        if self._unread:
            if is_end and name == self._unread:
                self._unread = ""
        elif is_end:
            if name == "a":
                self._close_link()
        else:
            self._start(name, attributes)

    def read_words(self, html: str) -> None:
        """Read the text between two tags."""
        if self._unread or not html:
            return
        text = _unescape(html)
        if text[:1].isspace():
            self._widen(_WORD)
        self._write(" ".join(text.split()))
        if text[-1:].isspace():
            self._widen(_WORD)

    def _start(self, name: str, attributes: str) -> None:
        if name in _UNREAD:
            self._unread = name
        elif name == "a":
            self._link = (_attribute(attributes, "href"), len(self._parts))
        elif name == "img":
            self._write(_attribute(attributes, "alt"))
        elif name == "br":
            self._parts.append(_LINE)
        elif name == "li":
            self._write("- ")

    def _widen(self, space: str) -> None:
        self._space = max(self._space, space, key=_WIDTHS.index)

    def _write(self, words: str) -> None:
        if words:
            self._parts += [self._space, words]
            self._space = ""

    def _close_link(self) -> None:
        """Append a link's target, unless its text shows it."""
        if self._link is None:
            return
        address, start = self._link
        self._link = None
        if address.startswith(("http:", "https:")) and address != "".join(self._parts[start:]).strip():
            self._write(f" ({address})")


def _attribute(attributes: str, name: str) -> str:
    """Return the value of an attribute in one line; empty if there is none."""
    for attribute in _ATTRIBUTE.finditer(attributes):
        if attribute["name"].lower() == name:
            return " ".join(_unescape(attribute["value"].strip("\"'")).split())
    return ""
