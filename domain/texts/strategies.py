"""Texts about runs of strategies."""

from collections.abc import Mapping
from typing import Final

from domain.strategy.plan import RunOutcome
from domain.strategy.progress import Reason
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
