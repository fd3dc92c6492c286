"""Rules for resending an interaction."""

from typing import Final

from domain.deadlines import UNKNOWN
from domain.interaction import Direction
from domain.status import UNSENT, InteractionState, Status

RESEND_OF: Final = "resendOf"
"""Name in the metadata of a resent interaction that holds the id of the original."""


def why_not_resent(direction: Direction, state: InteractionState, *, has_content: bool, is_forced: bool) -> str | None:
    """Return the problem code that prevents resending; None if it is allowed.

    Args:
        direction: only outbound interactions are resent.
        state: the current state.
        has_content: whether there is any content (left) to send.
        is_forced: whether the message may arrive twice.
    """
    if direction is not Direction.OUT:
        return "not_outbound"
    if not has_content:
        return "no_content"
    return "may_still_arrive" if may_still_arrive(state) and not is_forced else None


def may_still_arrive(state: InteractionState) -> bool:
    """Whether a message without proof of delivery may still arrive."""
    is_unknown = state.status is Status.PROVIDER_SENDING_ERROR and state.custom_status == UNKNOWN
    return is_unknown or state.status in UNSENT | {Status.SENT}
