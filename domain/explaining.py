"""Explanations of an interaction's state for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from domain.clock import to_wire
from domain.deadlines import CANCELLED, NOTHING, UNKNOWN, PendingWait
from domain.status import InteractionState, Status
from domain.texts import Forms, Language, both

STATUSES: Final[Mapping[Status, Forms]] = {
    Status.VALIDATION_PENDING: both("Registrada y aún no validada", "It is registered and not validated yet"),
    Status.VALIDATION_ERROR: both(
        "No era válida: no se ha enviado ni se enviará", "It was not valid: it was not sent and will not be"
    ),
    Status.DISPATCH_PENDING: both(
        "Válida; ningún proveedor ha dicho aún que la tenga", "It is valid; no provider has said yet that it has it"
    ),
    Status.SENT: both("El proveedor la tiene", "The provider has it"),
    Status.PROVIDER_SENDING_ERROR: both("El proveedor no la aceptó", "The provider did not take it"),
    Status.PROCESS_ERROR: both(
        "El proveedor la aceptó y después dijo que no llegó",
        "The provider took it, and then said that it had failed",
    ),
    Status.COMPLETED: both("Ha terminado bien", "It has ended well"),
    Status.RECEIVED: both("La envió un usuario final y está registrada", "An end user sent it, and it is registered"),
}
"""Meaning of each status."""

CUSTOM_STATUSES: Final[Mapping[str, Forms]] = {
    UNKNOWN: both(
        "Nadie respondió al envío: no se sabe si el proveedor la tiene, y no se repite a ciegas",
        "Nobody answered the send: whether the provider has it is not known, and it is not repeated blindly",
    ),
    CANCELLED: both("Cancelada antes de que la tuviera ningún proveedor", "Cancelled before any provider had it"),
    "not_sent": both(
        "El proveedor no la aceptó en todo el plazo de reintentos: no se ha enviado",
        "The provider did not take it in all the time in which it was tried: it was not sent",
    ),
    "rejected": both("El proveedor la rechazó", "The provider refused it"),
}
"""Meaning of a sending error whose `customStatus` is one of ours."""

NOT_ACCEPTED: Final = both(
    "Registrada en el motor; ningún worker la ha tomado todavía: cuando uno lo haga, la validará y la enviará",
    "The engine has it; no worker has taken it yet: once one does, it validates and sends it",
)
"""Text for a submitted interaction that no worker has registered yet."""


def explained(state: InteractionState, wait: PendingWait | None, language: Language) -> str:
    """Explain the state and its reason, the awaited event, the time limit and the consequence."""
    words = STATUSES[state.status]
    if state.status is Status.PROVIDER_SENDING_ERROR:
        words = CUSTOM_STATUSES.get(state.custom_status or "", words)
    awaited = NOTHING[language] if wait is None else wait.sentence(language)
    return f"{words[language]}. {awaited}."


CONFIRMS: Final = both(
    "Confirma la baja de su destinatario, y por eso la pasa",
    "It confirms the opt-out of its recipient, and so it passes it",
)
"""Text for the confirmation of an opt-out."""

_FAILING: Final = both(
    "Su flujo de trabajo falla desde {since} y no avanza hasta que se despliegue un worker que lo entienda.",
    "Its workflow fails since {since}, and does not go on until a worker that fits it is deployed.",
)


def failing(since: datetime, language: Language) -> str:
    """Say that the workflow of an interaction is failing, and since when."""
    return _FAILING[language].format(since=to_wire(since))
