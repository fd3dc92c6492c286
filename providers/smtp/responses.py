"""Classification of a server's replies as outcomes of a send; the only such place."""

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from domain.outcomes import MAX_DETAIL_LENGTH, FailureClass, Outcome, OutcomeUnknown, Rejected
from providers.base import TransientError


class Phase(IntEnum):
    """Progress of a conversation, by the command that awaits its reply (RFC 5321 §3)."""

    CONNECT = 0
    EHLO = 1
    STARTTLS = 2
    AUTH = 3
    MAIL = 4
    RCPT = 5
    DATA = 6


ENHANCED_CODES: Final[Mapping[str, FailureClass]] = {
    "1": FailureClass.DESTINATION,  # addressing
    "1.7": FailureClass.CONFIGURATION,  # bad syntax of the sender's address
    "1.8": FailureClass.CONFIGURATION,  # bad domain of the sender
    "2": FailureClass.DESTINATION,  # mailbox: disabled, full
    "2.3": FailureClass.CONTENT,  # longer than the mailbox takes
    "3.4": FailureClass.CONTENT,  # too big for the system
    "4.4": FailureClass.DESTINATION,  # no route to the domain
    "4.5": FailureClass.RATE,  # congestion; Gmail's daily limit
    "6": FailureClass.CONTENT,  # content or media
    "7": FailureClass.CONFIGURATION,  # security or policy
    "7.28": FailureClass.RATE,  # mail flood
}
"""Subject, or subject and detail, of enhanced status codes.

RFC 3463 §3 and https://www.iana.org/assignments/smtp-enhanced-status-codes
"""

REPLIES: Final[Mapping[tuple[Phase, int], FailureClass]] = {
    (Phase.MAIL, 552): FailureClass.CONTENT,  # larger than the server takes (RFC 1870 §6.1)
    (Phase.RCPT, 530): FailureClass.CONFIGURATION,  # authentication required (RFC 4954 §6)
    (Phase.DATA, 530): FailureClass.CONFIGURATION,
}
"""Reply codes whose meaning differs from that of their phase."""

PHASES: Final[Mapping[Phase, FailureClass]] = {
    Phase.CONNECT: FailureClass.CONFIGURATION,
    Phase.EHLO: FailureClass.CONFIGURATION,
    Phase.STARTTLS: FailureClass.CONFIGURATION,
    Phase.AUTH: FailureClass.CONFIGURATION,
    Phase.MAIL: FailureClass.CONFIGURATION,
    Phase.RCPT: FailureClass.DESTINATION,
    Phase.DATA: FailureClass.CONTENT,
}
"""Failure class of a refusal whose codes do not decide it (RFC 5321 §4.2.3, §4.3.2)."""

_TEMPORARY: Final = range(400, 500)
_PERMANENT: Final = range(500, 600)
_ENHANCED_CODE: Final = re.compile(r"[245]\.(?P<subject>\d{1,3})\.(?P<detail>\d{1,3})(?!\S)")


class RefusalError(Exception):
    """Message that cannot be sent as it is, and was not offered to the server."""

    def __init__(self, code: str, failure: FailureClass, detail: str) -> None:
        super().__init__(code)
        self.rejected = Rejected(code=code, failure=failure, detail=detail)


def is_refusal(code: int) -> bool:
    """Whether a reply code is a refusal, temporary or permanent (RFC 5321 §4.2.1)."""
    return code in _TEMPORARY or code in _PERMANENT


def is_temporary(code: int) -> bool:
    """Whether a reply code is a temporary refusal."""
    return code in _TEMPORARY


def classify_reply(phase: Phase, code: int, text: str) -> Outcome | TransientError:
    """Classify the outcome of a send by the reply that ended it unsuccessfully."""
    detail = detail_of(phase, text)
    if code in _TEMPORARY:
        return TransientError(str(code), detail)
    if code in _PERMANENT:
        return Rejected(code=str(code), failure=failure_class(phase, code, text), detail=detail)
    if phase is Phase.DATA:
        return OutcomeUnknown(detail=f"unexpected reply to DATA: {code} {detail}")
    return TransientError("unexpected_reply", f"{phase.name}: {code} {detail}")


def failure_class(phase: Phase, code: int, text: str) -> FailureClass:
    """Classify a permanent refusal: by its enhanced code, else by its reply code, else by its phase."""
    failure = class_of_enhanced_code(text) or REPLIES.get((phase, code)) or PHASES[phase]
    if failure is FailureClass.DESTINATION and phase < Phase.RCPT:
        # Before the first RCPT the only address the server knows is the sender's.
        return FailureClass.CONFIGURATION
    return failure


def detail_of(phase: Phase, text: str) -> str:
    """Return a reply's text in one line, cut, with invalid UTF-8 replaced.

    Of a reply to AUTH only the enhanced code remains: the rest may echo the credentials.
    """
    if phase is Phase.AUTH:
        enhanced = _ENHANCED_CODE.match(text)
        return enhanced[0] if enhanced else ""
    readable = text.encode("utf-8", "replace").decode()
    return " ".join(readable.split())[:MAX_DETAIL_LENGTH]


def class_of_enhanced_code(text: str) -> FailureClass | None:
    """Return the class of the enhanced code at the beginning of a text, if there is a conclusive one."""
    enhanced = _ENHANCED_CODE.match(text)
    if enhanced is None:
        return None
    subject, detail = enhanced["subject"], enhanced["detail"]
    return ENHANCED_CODES.get(f"{subject}.{detail}") or ENHANCED_CODES.get(subject)
