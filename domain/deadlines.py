"""Deadlines of open interactions: the awaited event, the time limit, and the consequence.

The workflow of an interaction has a timer for every such state; `deadline_for` returns the end of the wait.
The deadline is stored with the interaction, so that a query by date finds an interaction whose workflow was lost.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.clock import to_wire
from domain.gate.decision import HoldReason, Wait
from domain.interaction import DispatchPolicy, HistoryEntry
from domain.status import UNSENT, InteractionState, Milestone, Status
from domain.texts import Language

UNKNOWN: Final = "unknown"
"""`customStatus` of a send whose outcome is unknown."""

CANCELLED: Final = "cancelled"
"""`customStatus` of an interaction that was cancelled before any provider had it."""

VALIDATION_TIMEOUT: Final = timedelta(minutes=5)
"""Time limit of validation, which waits only for our own database."""

SEARCHES: Final = (timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30))
"""Waits before each search at the provider for a send whose outcome is unknown."""


class Timeouts(NamedTuple):
    """Time limits of the waits.

    Attributes:
        receipt_window: for receipts, from the hand-over to the provider.
        dispatch_deadline: for the provider to accept the message, from its admission.
    """

    receipt_window: timedelta
    dispatch_deadline: timedelta


class WaitReason(StrEnum):
    """Reason why an interaction waits."""

    VALIDATION = "validation"
    SEND = "send"
    SEARCH = "search"
    EVIDENCE = "evidence"
    DELIVERY = "delivery"
    BOUNCE = "bounce"
    READ = "read"


class PendingWait(BaseModel):
    """Current wait of an interaction.

    Attributes:
        awaited: what it waits for; why the gate holds it, if the gate does.
        until: when the workflow acts by itself if no event arrives earlier.
        hold: the wait at the gate, if the gate holds it.
    """

    model_config = ConfigDict(frozen=True)

    awaited: WaitReason | HoldReason
    until: datetime
    hold: Wait | None = None

    def sentence(self, language: Language = Language.SPANISH) -> str:
        """Describe the awaited event, the time limit and the consequence."""
        if self.hold is not None:
            return self.hold.sentence(language)
        return SENTENCES[WaitReason(self.awaited)][language].format(until=to_wire(self.until))


SENTENCES: Final[Mapping[WaitReason, Mapping[Language, str]]] = {
    WaitReason.VALIDATION: {
        Language.SPANISH: "Espera a ser validada hasta {until}; si su proceso se pierde, terminará como no enviada",
        Language.ENGLISH: "It waits to be validated until {until}; if its workflow is lost, it ends as not sent",
    },
    WaitReason.SEND: {
        Language.SPANISH: "Se intenta entregar al proveedor hasta {until}; entonces terminará como no enviada, o como "
        "desconocida si pudo haberse enviado",
        Language.ENGLISH: "It is being handed to the provider until {until}; then it ends as not sent, or as unknown "
        "if it may have been sent",
    },
    WaitReason.SEARCH: {
        Language.SPANISH: "Nadie respondió al envío: espera un aviso del proveedor hasta {until}; entonces se buscará "
        "en el proveedor",
        Language.ENGLISH: "Nobody answered the send: it waits for a receipt until {until}; then it is looked for at "
        "the provider",
    },
    WaitReason.EVIDENCE: {
        Language.SPANISH: "Nadie respondió al envío: espera un aviso del proveedor hasta {until}; entonces se anotará "
        "que no llegó ninguno",
        Language.ENGLISH: "Nobody answered the send: it waits for a receipt until {until}; then it is noted that none "
        "came",
    },
    WaitReason.DELIVERY: {
        Language.SPANISH: "Espera la confirmación de entrega hasta {until}; entonces se anotará que no llegó ninguna",
        Language.ENGLISH: "It waits for the receipt of delivery until {until}; then it is noted that none came",
    },
    WaitReason.BOUNCE: {
        Language.SPANISH: "Espera por si es devuelta hasta {until}; entonces se dará por completada",
        Language.ENGLISH: "It waits in case it bounces until {until}; then it counts as completed",
    },
    WaitReason.READ: {
        Language.SPANISH: "Entregada; espera la confirmación de lectura hasta {until}; entonces deja de esperarla",
        Language.ENGLISH: "Delivered; it waits for the receipt of reading until {until}; then it waits no longer",
    },
}


NOTHING: Final[Mapping[Language, str]] = {
    Language.SPANISH: "No espera nada más",
    Language.ENGLISH: "It waits for nothing more",
}
"""Text for an interaction that waits for nothing."""


def handed_over(history: Sequence[HistoryEntry]) -> datetime | None:
    """Return when the message was handed to its provider, as far as is known; None before."""
    return next((entry.date for entry in history if entry.status not in UNSENT), None)


def deadline_for(
    state: InteractionState, handed_over_at: datetime | None, now: datetime, timeouts: Timeouts
) -> datetime | None:
    """Return the latest end of a wait that starts now in a state; None if the state has no time limit.

    Args:
        state: the state, in which the gate does not hold the message.
        handed_over_at: when the provider got the message; None if that is now.
        now: the present time.
        timeouts: the time limits.
    """
    closes = (handed_over_at or now) + timeouts.receipt_window
    match state.status:
        case Status.VALIDATION_PENDING:
            return now + VALIDATION_TIMEOUT
        case Status.DISPATCH_PENDING:
            return now + timeouts.dispatch_deadline
        case Status.SENT:
            return closes
        case Status.PROVIDER_SENDING_ERROR:
            return closes if state.custom_status == UNKNOWN else None
        case Status.VALIDATION_ERROR | Status.PROCESS_ERROR | Status.COMPLETED | Status.RECEIVED:
            return None


class WaitContext(NamedTuple):
    """Facts about an interaction from which its wait is derived.

    Attributes:
        due: the recorded end of the wait; None if nothing remains to be done.
        history: its history, with at least one entry.
        hold: why the gate holds it; None if it does not.
    """

    state: InteractionState
    policy: DispatchPolicy | None
    due: datetime | None
    history: Sequence[HistoryEntry]
    hold: Wait | None = None


def waiting_for(context: WaitContext, timeouts: Timeouts, now: datetime) -> PendingWait | None:
    """Return the current wait of an interaction; None if it waits for nothing."""
    state, policy, due, history, hold = context
    if hold is not None:
        return PendingWait(awaited=hold.reason, until=hold.until, hold=hold)
    if state.status is Status.COMPLETED:
        closes = (handed_over(history) or now) + timeouts.receipt_window
        awaits_read = policy is not None and policy.reports_reads and state.milestone is not Milestone.READ
        return PendingWait(awaited=WaitReason.READ, until=closes) if awaits_read and now < closes else None
    if due is None:
        return None
    search = _next_search(context, now) if state.status is Status.PROVIDER_SENDING_ERROR else None
    match state.status:
        case Status.VALIDATION_PENDING:
            awaited = WaitReason.VALIDATION
        case Status.DISPATCH_PENDING:
            awaited = WaitReason.SEND
        case Status.SENT:
            awaited = WaitReason.DELIVERY if policy is None or policy.reports_delivery else WaitReason.BOUNCE
        case Status.PROVIDER_SENDING_ERROR:
            awaited = WaitReason.SEARCH if search else WaitReason.EVIDENCE
        case Status.VALIDATION_ERROR | Status.PROCESS_ERROR | Status.RECEIVED:
            return None
    return PendingWait(awaited=awaited, until=search or due)


def _next_search(context: WaitContext, now: datetime) -> datetime | None:
    if context.policy is None or not context.policy.finds_sent:
        return None
    changed = context.history[-1].date
    return next((at for wait in accumulate(SEARCHES) if (at := changed + wait) > now), None)
