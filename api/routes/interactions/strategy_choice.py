"""The steps that a send chooses: those that it spells out, or those of a stored strategy."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from api.schemas.strategies import StepRequest, StrategyChoice
from domain.errors import InvalidRequestError
from domain.gate.category import Category
from domain.problems import Problem
from domain.strategy.plan import MIN_STEPS
from domain.templates import Variable
from models.strategy import Strategy


class ChosenSteps(NamedTuple):
    """The steps of a send.

    Attributes:
        values: the values of a stored strategy's variables.
        strategy_id, name, version, category: of the stored strategy.
    """

    steps: Sequence[StepRequest]
    variables: Sequence[Variable] = ()
    values: Mapping[str, JsonValue] = {}
    strategy_id: str | None = None
    name: str | None = None
    version: int | None = None
    category: Category | None = None


async def chosen_steps(tenant: str, choice: StrategyChoice) -> ChosenSteps:
    """The steps that a send chooses.

    Raises:
        InvalidRequestError: if there are too few, or no such strategy or version.
    """
    if choice.id is None:
        if choice.version is not None or choice.variables:
            raise InvalidRequestError([Problem(field="strategy.id", code="missing")])
        if len(choice.steps) < MIN_STEPS:
            raise InvalidRequestError([_too_few("strategy.steps")])
        return ChosenSteps(choice.steps)
    if choice.steps:
        raise InvalidRequestError([Problem(field="strategy.steps", code="id_or_steps")])
    strategy = await Strategy.find_one({"_id": choice.id, "tenant": tenant})
    version = await strategy.version(choice.version) if strategy else None
    if strategy is None or version is None:
        field = "strategy.id" if strategy is None else "strategy.version"
        raise InvalidRequestError([Problem(field=field, code="strategy_not_found")])
    return ChosenSteps(
        [StepRequest.model_validate(step) for step in version.steps],
        version.variables,
        choice.variables,
        strategy.id,
        version.name,
        version.number,
        version.category,
    )


def _too_few(field: str) -> Problem:
    return Problem(field=field, code="too_few_steps", details={"limit": MIN_STEPS})
