"""What an interaction that is not final waits for, until when, and what happens then.

Every such state has a timer in the interaction's workflow; `deadline_for` says when the last of them ends the wait.
It is stored with the interaction, so that one whose workflow was lost is found by its date alone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.clock import to_wire
from domain.interaction import DispatchPolicy
from domain.status import InteractionState, Milestone, Status
from domain.texts import Language

UNKNOWN: Final = "unknown"
"""The `customStatus` of a send that nobody answered."""

CANCELLED: Final = "cancelled"
"""The `customStatus` of an interaction that was cancelled before any provider had it."""

VALIDATION_TIMEOUT: Final = timedelta(minutes=5)
"""How long validating may take: it waits for nobody but our own database."""

SEARCHES: Final = (timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30))
"""The waits before each look at the provider for a send that nobody answered."""


class Timeouts(NamedTuple):
    """How long is waited for what, at most.

    Attributes:
        receipt_window: for receipts, from the creation of the interaction.
        dispatch_deadline: for a provider to take the message, from its admission.
    """

    receipt_window: timedelta
    dispatch_deadline: timedelta


class WaitReason(StrEnum):
    """What is waited for."""

    VALIDATION = "validation"
    SEND = "send"
    SEARCH = "search"
    EVIDENCE = "evidence"
    DELIVERY = "delivery"
    BOUNCE = "bounce"
    READ = "read"


class PendingWait(BaseModel):
    """What an interaction waits for.

    Attributes:
        until: when its workflow acts by itself, if nothing comes before.
    """

    model_config = ConfigDict(frozen=True)

    awaited: WaitReason
    until: datetime

    def sentence(self, language: Language = Language.SPANISH) -> str:
        """What is awaited, until when, and what is done then."""
        return SENTENCES[self.awaited][language].format(until=to_wire(self.until))


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
"""Of an interaction that waits for nothing."""


def deadline_for(state: InteractionState, created: datetime, now: datetime, windows: Timeouts) -> datetime | None:
    """When the wait in a state that begins now is over at the latest; None in a state that may last for ever."""
    match state.status:
        case Status.VALIDATION_PENDING:
            return now + VALIDATION_TIMEOUT
        case Status.DISPATCH_PENDING:
            return now + windows.dispatch_deadline
        case Status.SENT:
            return created + windows.receipt_window
        case Status.PROVIDER_SENDING_ERROR if state.custom_status == UNKNOWN:
            return created + windows.receipt_window
        case _:
            return None


class WaitContext(NamedTuple):
    """What is known of an interaction that may wait.

    Attributes:
        due: when its wait is over, as recorded; None once nothing has to happen any more.
        updated: when it last changed.
    """

    state: InteractionState
    policy: DispatchPolicy | None
    due: datetime | None
    created: datetime
    updated: datetime


def waiting_for(situation: WaitContext, windows: Timeouts, now: datetime) -> PendingWait | None:
    """What an interaction waits for; None if for nothing."""
    state, policy, due, created, _ = situation
    if state.status is Status.COMPLETED:
        closes = created + windows.receipt_window
        awaits_read = policy is not None and policy.reports_reads and state.milestone is not Milestone.READ
        return PendingWait(awaited=WaitReason.READ, until=closes) if awaits_read and now < closes else None
    if due is None:
        return None
    match state.status:
        case Status.VALIDATION_PENDING:
            return PendingWait(awaited=WaitReason.VALIDATION, until=due)
        case Status.DISPATCH_PENDING:
            return PendingWait(awaited=WaitReason.SEND, until=due)
        case Status.SENT:
            reports = policy is None or policy.reports_delivery
            return PendingWait(awaited=WaitReason.DELIVERY if reports else WaitReason.BOUNCE, until=due)
        case _:
            search = _next_search(situation, now)
            return (
                PendingWait(awaited=WaitReason.SEARCH, until=search)
                if search
                else PendingWait(awaited=WaitReason.EVIDENCE, until=due)
            )


def _next_search(situation: WaitContext, now: datetime) -> datetime | None:
    if situation.policy is None or not situation.policy.finds_sent:
        return None
    return next((at for wait in accumulate(SEARCHES) if (at := situation.updated + wait) > now), None)
