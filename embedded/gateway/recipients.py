"""Sandbox recipients: the recipient of a message determines its outcome (`docs/providers/sandbox.md`)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.channels import Channel

EMAIL_DOMAIN: Final = "sandbox.example.com"
PHONE_PREFIX: Final = "346000000"
PAGE_SCOPED_PREFIX: Final = "10000000000000"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Outcome of a message.

    Attributes:
        name: the local part of the e-mail address that selects it.
        callbacks: the statuses of the callbacks, in this order.
        first_callback_after: number of callback delays before the first; zero sends it before the response.
        throttled_requests: number of requests answered 429 before the message is accepted.
        lost_answers: number of requests without a response, although the message is accepted.
        refused: whether the message is never accepted.
        answers_slowly: whether the response is late.
        is_delivered_unseen: whether it is delivered at once, and that is reported only if it is to be taken back.
    """

    name: str
    callbacks: Sequence[str] = ("sent", "delivered")
    first_callback_after: int = 1
    throttled_requests: int = 0
    lost_answers: float = 0
    refused: bool = False
    answers_slowly: bool = False
    is_delivered_unseen: bool = False

    def statuses_on(self, channel: Channel) -> Sequence[str]:
        """Statuses called back on a channel: no SMS is ever reported as read."""
        return [status for status in self.callbacks if status != "read" or channel is not Channel.SMS]


DELIVERED: Final = Behaviour("delivered")

BEHAVIOURS: Final[Mapping[str, Behaviour]] = {
    "01": DELIVERED,
    "02": Behaviour("read", callbacks=("sent", "delivered", "read")),
    "03": Behaviour("refused", refused=True),
    "04": Behaviour("failed", callbacks=("sent", "failed")),
    "05": Behaviour("throttled", throttled_requests=2),
    "06": Behaviour("lost-once", lost_answers=1),
    # The delivery is its only callback, and late, so that the outcome is unknown for a while.
    "07": Behaviour("lost", callbacks=("delivered",), first_callback_after=5, lost_answers=math.inf),
    "08": Behaviour("early", callbacks=("delivered",), first_callback_after=0),
    "09": Behaviour("disordered", callbacks=("read", "read", "delivered", "delivered", "sent", "sent")),
    "10": Behaviour("silent", callbacks=()),
    "11": Behaviour("slow", answers_slowly=True),
    "12": Behaviour("late", first_callback_after=160),
    "13": Behaviour("recalled", callbacks=()),
    "14": Behaviour("already-delivered", callbacks=(), is_delivered_unseen=True),
}
"""Behaviours by the two digits that end a phone number or a page-scoped id."""


def recipients_of(code: str) -> tuple[str, str, str]:
    """Recipients with a behaviour: phone number, e-mail address and page-scoped id."""
    return PHONE_PREFIX + code, f"{BEHAVIOURS[code].name}@{EMAIL_DOMAIN}", PAGE_SCOPED_PREFIX + code


_BY_RECIPIENT: Final[Mapping[str, Behaviour]] = {
    recipient: behaviour for code, behaviour in BEHAVIOURS.items() for recipient in recipients_of(code)
}


def behaviour_of(recipients: Sequence[str]) -> Behaviour:
    """Behaviour of the first sandbox recipient; other messages are delivered."""
    asked = (_BY_RECIPIENT.get(recipient.lower()) for recipient in recipients)
    return next((behaviour for behaviour in asked if behaviour), DELIVERED)
