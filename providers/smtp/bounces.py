"""Bounces without a machine-readable part, read by `flufl.bounce`, the bounce parser of GNU Mailman.

https://fluflbounce.readthedocs.io: it knows the formats of some twenty mail systems. It is used only for reports of
mail
systems without a machine-readable part, and reads only the report, never the returned message, which may contain
anything.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Final

from flufl.bounce import all_failures  # pyright: ignore[reportUnknownVariableType] - its argument has no type

from providers.smtp.mime import Entity
from providers.smtp.plain_text import html_to_text

MAX_TEXT_LENGTH: Final = 24_000
"""Characters that are read of a bounce: its result is near the beginning."""
MAX_LINE_LENGTH: Final = 250
"""Characters that are read of a line: the time of some patterns is quadratic in it."""

_REASON_LINES: Final = 8
"""Lines after an address that may contain its reason."""

_RETURNED: Final = frozenset({"message/rfc822", "message/rfc822-headers", "text/rfc822-headers", "message/partial"})
"""Types of the returned message."""

_BEFORE_RETURNED: Final = re.compile(
    r"^(?:[-=\s>*#]{0,20}(?:original message|below this line is a copy|start of returned message|returned mail follows"
    r"|this is a copy of|copy of (?:the|your) message|message text follows|unsent message below|message header)"
    r"|return-path:|received:)",
    re.IGNORECASE | re.MULTILINE,
)
"""Line of a report's text that precedes the returned message."""

_DELAYED: Final = re.compile(
    r"warning(?: message)? only|this is (?:only |just )?a warning|not yet (?:been )?(?:delivered|able)"
    r"|will (?:be retried|be re-tried|continue|keep trying|retry|try again)"
    r"|(?<!further )(?<!further delivery )attempts? will (?:continue|be made)"
    r"|has been (?:delayed|postponed)|(?:delivery|message|mail) (?:is |was )?delayed|transient non-fatal"
    r"|do not need to resend|no action is required|still (?:trying|attempting)",
    re.IGNORECASE,
)
"""Phrases of a mail system that has not given up."""

_DELIVERED: Final = re.compile(
    r"success(?:fully|ful) (?:deliver|relay)|(?:was|been) successfully|deliver(?:y|ed) success|return receipt"
    r"|(?:has been|was) (?:read|displayed|opened)",
    re.IGNORECASE,
)
"""Phrases of a success: a report with them reports no failure."""

_SAID: Final = re.compile(r"(?<![\w.])[45]\d\d[ -]|(?<![\w.])[45]\.\d{1,3}\.\d{1,3}(?![\w.])")

_LOG = logging.getLogger("iris.bounces")


@dataclass(frozen=True, slots=True)
class Bounce:
    """Bounce of one address.

    Attributes:
        is_permanent: whether the mail system has given up.
        reason: the report's lines about this address.
    """

    address: str
    is_permanent: bool
    reason: str


def read_bounces(mail: Entity, most: int) -> Sequence[Bounce]:
    """Parse a mail system's report for people into bounces by address, in their order."""
    text = report_text(mail)
    if _DELIVERED.search(text):
        return ()
    try:
        delayed, failed = all_failures(_message(mail))
    except Exception as error:  # noqa: BLE001 - whatever a mail does to it, it has no opinion then
        _LOG.warning("flufl.bounce failed: %s", type(error).__name__)
        return ()
    is_warning = _DELAYED.search(text) is not None
    addresses = {address.decode("ascii", "replace") for address in failed | delayed}
    permanent: set[str] = set() if is_warning else {address.decode("ascii", "replace") for address in failed}
    return [Bounce(address, address in permanent, reason_of(text, address)) for address in sorted(addresses)[:most]]


def report_text(mail: Entity) -> str:
    """Return the mail system's text for people, without the returned message."""
    texts = [text for part in mail.leaves() if (text := _text(part))]
    whole = "\n".join(texts)[:MAX_TEXT_LENGTH]
    returned = _BEFORE_RETURNED.search(whole)
    return whole if returned is None else whole[: returned.start()]


def _text(part: Entity) -> str:
    """Return the text of a part of the mail system, in lines of bounded length; else empty."""
    if part.media_type in _RETURNED or not part.media_type.startswith("text/"):
        return ""
    text = part.text(MAX_TEXT_LENGTH)
    lines = (html_to_text(text) if part.media_type == "text/html" else text).splitlines()
    return "\n".join(line[:MAX_LINE_LENGTH] for line in lines)[:MAX_TEXT_LENGTH]


def _message(entity: Entity) -> Message:
    """Return the report for `flufl.bounce`: its decoded parts without the returned message."""
    message = Message()
    for name, value in entity.fields.items():
        if name != "content-transfer-encoding":
            message[name] = value[:MAX_LINE_LENGTH]
    if entity.parts:
        message.set_payload([_message(part) for part in _kept(entity.parts)])
    else:
        message.set_payload(_text(entity))
    return message


def _kept(parts: Sequence[Entity]) -> Iterator[Entity]:
    left = MAX_TEXT_LENGTH
    for part in parts:
        if left > 0:
            yield part
        left -= len(_text(part)) if not part.parts else 0


def reason_of(text: str, address: str) -> str:
    """Return a report's text about an address, from the server's quoted reply on, else from the address on."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    start = next((number for number, line in enumerate(lines) if address and address in line), 0)
    near = lines[start : start + _REASON_LINES]
    reply = next((number for number, line in enumerate(near) if _SAID.search(line)), None)
    if reply is not None:
        return "\n".join(near[reply:])
    return "\n".join([line for line in lines if _SAID.search(line)][:_REASON_LINES] or near)
