"""Whether an interaction may be sent again."""

from typing import Final

from domain.deadlines import UNKNOWN
from domain.interaction import Direction
from domain.status import UNSENT, InteractionState, Status

RESEND_OF: Final = "resendOf"
"""The name in the metadata of an interaction that is sent again, which holds the id of the one that it repeats."""


def why_not_resent(direction: Direction, state: InteractionState, *, has_content: bool, is_forced: bool) -> str | None:
    """The code of the problem that it is not sent again; None if it may be.

    Args:
        direction: only what we send is sent again.
        state: where it stands.
        has_content: whether there is anything (left) to send.
        is_forced: whether it may arrive twice.
    """
    if direction is not Direction.OUT:
        return "not_outbound"
    if not has_content:
        return "no_content"
    return "may_still_arrive" if may_still_arrive(state) and not is_forced else None


def may_still_arrive(state: InteractionState) -> bool:
    """Whether a message may still arrive of which nobody knows yet that it did."""
    is_unknown = state.status is Status.PROVIDER_SENDING_ERROR and state.custom_status == UNKNOWN
    return is_unknown or state.status in UNSENT | {Status.SENT}
