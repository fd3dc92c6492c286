"""Texts of history notes, and of provider events that changed nothing."""

from collections.abc import Mapping
from typing import Final

from domain.gate.decision import HOLDS
from domain.texts import Forms, both

NOTES: Final[Mapping[str, Forms]] = {
    "registered": both("Interacción registrada", "Interaction registered"),
    "received": both("Interacción recibida", "Interaction received"),
    "destinations_refused": both("Destinos rechazados: {destinations}", "Destinations refused: {destinations}"),
    "proven": both(
        "Sin respuesta del proveedor; un aviso suyo prueba que aceptó el mensaje",
        "No answer from the provider; a receipt proves that it accepted the message",
    ),
    "rejected": both(
        "Rechazado por el proveedor: {code} ({failure}) {detail}",
        "Rejected by the provider: {code} ({failure}) {detail}",
    ),
    "answer_lost": both(
        "Respuesta perdida: puede haberse enviado. {detail}", "Answer lost: it may have been sent. {detail}"
    ),
    "not_sent": both(
        "No enviado en el plazo de reintentos: {reason}", "Not sent within the time for retries: {reason}"
    ),
    "cancelled_by_account": both("Cancelada por la cuenta {account}", "Cancelled by the account {account}"),
    "cancelled_by_erasure": both("Cancelada por la supresión de su usuario", "Cancelled by the erasure of its user"),
    "cancelled_by_strategy": both(
        "Cancelada por su estrategia, que ya no la necesita", "Cancelled by its strategy, which needs it no more"
    ),
    "rescheduled_by_account": both(
        "La cuenta {account} ha cambiado cuándo se envía", "The account {account} changed when it is sent"
    ),
    **{f"held_{reason}": forms for reason, forms in HOLDS.items()},
    "found_at_provider": both("Encontrado en el proveedor", "Found at the provider"),
    "interrupted": both(
        "Proceso interrumpido durante el envío: puede haberse enviado",
        "Workflow interrupted during the send: it may have been sent",
    ),
    "not_at_all_destinations": both("No ha llegado a todos los destinos", "It did not arrive at all destinations"),
    "no_bounce": both("Sin rebote en el plazo de espera", "No bounce within the receipt window"),
    "no_confirmation": both(
        "Plazo de espera agotado sin confirmación del proveedor",
        "The receipt window closed without a receipt from the provider",
    ),
}
"""Texts by the code of a note. A provider's own texts stay as the provider wrote them."""

REASONS: Final[Mapping[str, Forms]] = {
    "repeated": both("repetido", "repeated"),
    "unknown_status": both("estado desconocido: {provider_status}", "unknown status: {provider_status}"),
    "failure_after_delivery": both("fallo después de probada la entrega", "failure after proof of delivery"),
    "failure_after_silence": both("fallo después de darse por completada", "failure after completion by silence"),
    "late": both("tardío: ya estaba en {status}", "late: already {status}"),
    "other_destination": both("de otro destino", "about another destination"),
    "not_all_destinations": both("aún no de todos los destinos", "not of all destinations yet"),
}
"""Texts by the code of the reason why a provider event changed nothing."""
