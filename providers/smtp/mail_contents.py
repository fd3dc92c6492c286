"""Content of a person's mail: each part is either shown as text or listed as a file."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from domain.payloads.email import Email
from providers.smtp.mime import Entity
from providers.smtp.plain_text import html_to_text

MAX_BODY_LENGTH: Final = 200_000
"""Characters stored of a reply's text."""

_TO_TEXT: Final[dict[str, Callable[[str], str]]] = {"text/plain": str.strip, "text/html": html_to_text}
"""Types that are always shown, the preferred first."""


def payload_of(mail: Entity) -> dict[str, JsonValue]:
    """Convert a mail to the payload of an inbound message."""
    shown, listed = _sorted(mail)
    body = _text(shown)
    if not body:
        # Files are not stored, so a text of a type for programs is better than an empty mail.
        body = "\n\n".join(filter(None, (leaf.text(MAX_BODY_LENGTH).strip() for leaf in listed if _is_legible(leaf))))
    return {
        "Type": Email.wire_type,
        "Subject": mail.header("subject"),
        "Body": body[:MAX_BODY_LENGTH],
        "Attachments": [
            {"FileName": leaf.file_name, "MediaType": leaf.media_type, "Size": len(leaf.decoded())} for leaf in listed
        ],
    }


def _sorted(entity: Entity) -> tuple[list[Entity], list[Entity]]:
    """Return the leaves whose text is shown, and those that are listed.

    Of alternatives (RFC 2046 §5.1.4) the preferred non-empty text is shown; the same text in HTML is neither shown nor
    listed.
    """
    if not entity.parts:
        is_shown = entity.media_type in _TO_TEXT and not entity.is_attached
        return ([entity], []) if is_shown else ([], [entity])
    sorts = [_sorted(part) for part in entity.parts]
    listed = [leaf for _, leaves in sorts for leaf in leaves]
    if entity.media_type != "multipart/alternative":
        return [leaf for leaves, _ in sorts for leaf in leaves], listed
    return _preferred([leaves for leaves, _ in sorts if leaves]), listed


def _preferred(alternatives: Sequence[list[Entity]]) -> list[Entity]:
    with_text = [leaves for leaves in alternatives if _text(leaves)]
    plain = (leaves for leaves in with_text if all(leaf.media_type == "text/plain" for leaf in leaves))
    return next(plain, with_text[-1] if with_text else [])


def _text(leaves: Sequence[Entity]) -> str:
    """Return the texts of several parts, joined."""
    return "\n\n".join(_texts(leaves))[:MAX_BODY_LENGTH]


def _texts(leaves: Sequence[Entity]) -> Iterator[str]:
    left = MAX_BODY_LENGTH
    for leaf in leaves:
        text = _TO_TEXT[leaf.media_type](leaf.text(MAX_BODY_LENGTH)) if left > 0 else ""
        left -= len(text)
        if text:
            yield text


def _is_legible(leaf: Entity) -> bool:
    return leaf.media_type.startswith("text/") and not leaf.is_marked_as_attachment
