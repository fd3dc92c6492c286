"""Texts about runs of strategies."""

from collections.abc import Mapping
from typing import Final

from domain.strategy.overlap import OverlapReason
from domain.strategy.plan import RunOutcome
from domain.strategy.progress import Reason
from domain.strategy.recall import RecallResult
from domain.texts import Forms, both

REASONS: Final[Mapping[Reason, Forms]] = {
    Reason.FIRST: both("Es el primer paso", "It is the first step"),
    Reason.FAILED: both("El paso anterior ha fallado", "The step before it failed"),
    Reason.DEADLINE: both(
        "El paso anterior no llegó a lo esperado en su plazo", "The step before it did not succeed in its time"
    ),
    Reason.SUPPRESSED: both(
        "El destinatario del paso anterior se dio de baja", "The recipient of the step before it opted out"
    ),
}
"""Why a step started."""

SKIPPED: Final = both(
    "Se omite: el usuario no tiene ningún destino para este canal",
    "It is skipped: the user has no destination on this channel",
)

OUTCOMES: Final[Mapping[RunOutcome, Forms]] = {
    RunOutcome.SUCCEEDED: both(
        "Un paso ha llegado a lo que se esperaba de él", "A step reached what was awaited of it"
    ),
    RunOutcome.UNCONFIRMED: both(
        "Ningún paso llegó a lo esperado en su plazo; algún mensaje aún puede llegar",
        "No step succeeded in its time; a message may still arrive",
    ),
    RunOutcome.FAILED: both("Han fallado todos los pasos", "All steps failed"),
    RunOutcome.SUPPRESSED: both(
        "El destinatario se dio de baja: no se busca otro canal", "The recipient opted out: no other channel is tried"
    ),
    RunOutcome.REFUSED: both("Su primer mensaje no era válido", "Its first message was not valid"),
    RunOutcome.CANCELLED: both("Cancelada: no empieza ningún paso más", "Cancelled: no further step starts"),
}
"""How a run ended."""

DELIVERED_TWICE: Final = both(
    "Han llegado al destinatario dos de sus mensajes", "Two of its messages reached the recipient"
)

AWAITED: Final = both(
    "Espera {success} del paso {step} hasta {until}; entonces empieza el paso {next}",
    "It awaits {success} of step {step} until {until}; then step {next} starts",
)
AWAITED_OF_LAST: Final = both(
    "Espera {success} del paso {step} hasta {until}; entonces termina sin confirmar",
    "It awaits {success} of step {step} until {until}; then it ends unconfirmed",
)
STARTING: Final = both("Empieza el paso {step}", "Step {step} starts")

OVERLAPS: Final[Mapping[OverlapReason, Forms]] = {
    OverlapReason.LAST: both("Ningún paso la sigue", "No step follows it"),
    OverlapReason.SENT_SUFFICES: both(
        "Solo la sigue otro paso si no se ha enviado", "Another step follows only if it was not sent"
    ),
    OverlapReason.READ_AWAITED: both(
        "Un mensaje entregado y no leído llega además del siguiente",
        "A message that is delivered and not read arrives besides the next one",
    ),
    OverlapReason.RECALL_UNCERTAIN: both(
        "El proveedor intenta retirarla en su plazo, pero la entrega puede cruzarse",
        "The provider tries to take it back at its deadline, but the delivery may cross that",
    ),
    OverlapReason.VALIDITY_UNCERTAIN: both(
        "El proveedor recibe el plazo como validez, pero la red puede entregarla después",
        "The provider gets the deadline as its validity, but the network may deliver it later",
    ),
    OverlapReason.VALIDITY_TOO_LONG: both(
        "La validez más corta que admite el proveedor es más larga que el plazo",
        "The shortest validity that the provider takes is longer than the deadline",
    ),
    OverlapReason.NO_VALIDITY: both(
        "El proveedor no admite validez por mensaje en este canal: puede llegar después",
        "The provider takes no validity per message on this channel: it may arrive later",
    ),
}
"""Why a step may, or never does, overlap with the next one."""

RECALLS: Final[Mapping[RecallResult, Forms]] = {
    RecallResult.RECALLED: both("El proveedor dice que la ha retirado", "The provider says that it took it back"),
    RecallResult.ALREADY_DELIVERED: both("El proveedor ya la había entregado", "The provider had delivered it already"),
    RecallResult.NOT_RECALLED: both("El proveedor no la ha retirado", "The provider did not take it back"),
}
"""What a provider answered to a recall."""
