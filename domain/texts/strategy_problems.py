"""Texts of problems of strategies, by the code of the problem."""

from collections.abc import Mapping
from typing import Final

from domain.texts import Forms, both

STRATEGY_SENTENCES: Final[Mapping[str, Forms]] = {
    "strategy_not_found": both("La estrategia o la versión no existe", "There is no such strategy or version"),
    "id_or_steps": both(
        "Indique id o steps, no los dos; variables y version van con id",
        "Give id or steps, not both; variables and version go with id",
    ),
    "too_few_steps": both(
        "Una estrategia tiene como mínimo {limit:paso|pasos}", "A strategy has at least {limit:step|steps}"
    ),
    "step_skipped": both("Ese paso no existe o se omite", "There is no such step, or it is skipped"),
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
