"""Texts of problems of strategies, by the code of the problem."""

from collections.abc import Mapping
from typing import Final

from domain.texts import Forms, both

STRATEGY_SENTENCES: Final[Mapping[str, Forms]] = {
    "not_with_strategy": both(
        "Con strategy no se admite: cada paso lleva lo suyo", "Not with strategy: each step has its own"
    ),
    "success_never_reported": both(
        "El canal nunca informa de ese estado con esta integración",
        "The channel never reports that with this integration",
    ),
    "deadline_out_of_range": both(
        "Debe ser una duración ISO 8601 entre {least} y {most}, como PT2M",
        "It must be an ISO 8601 duration between {least} and {most}, such as PT2M",
    ),
    "suppressed_marketing_stops": both(
        "Una baja de la publicidad termina siempre la estrategia: no se busca otro canal",
        "An opt-out of marketing always ends the strategy: no other channel is tried",
    ),
    "no_destination": both(
        "El usuario no tiene ningún destino para este canal", "The user has no destination on this channel"
    ),
}
