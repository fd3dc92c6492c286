"""Rule of the gate about reach: countries to which a tenant sends, and numbers that earn from what they receive.

The numbering plans of `phonenumbers` change with each release, so workflows must not evaluate it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from domain.channels import Channel
from domain.destinations import Destination, DestinationKind, country_of
from domain.gate.category import Category
from domain.gate.decision import Decision, Go, Refuse
from domain.json_objects import JsonObject
from domain.phone_numbers import COUNTRIES, earns_from_calls
from domain.problems import Problem

OTHERS: Final = "*"
"""Name of all countries that are not named, and of numbers that belong to none."""

_WITH_COUNTRY: Final = frozenset({DestinationKind.PHONE_NUMBER, DestinationKind.BUSINESS_SCOPED_ID})


def _countries(verdicts: dict[str, Literal["allow", "block"]]) -> dict[str, Literal["allow", "block"]]:
    if not verdicts.keys() <= COUNTRIES | {OTHERS}:
        raise PydanticCustomError("unknown_country", "not a country")
    return verdicts


class ReachRule(JsonObject):
    """Countries to which messages may go; an omitted channel or category stands for all.

    Attributes:
        countries: `allow` or `block` by country (ISO 3166-1 alpha-2) or `*`. A country that no rule names is allowed.
    """

    model_config = ConfigDict(frozen=True)

    channel: Channel | None = Field(default=None, strict=False)
    category: Category | None = Field(default=None, strict=False)
    countries: Annotated[dict[str, Literal["allow", "block"]], AfterValidator(_countries)] = Field(
        min_length=1, examples=[{"ES": "allow", OTHERS: "block"}]
    )

    def applies(self, channel: Channel, category: Category) -> bool:
        """Whether the rule is about such a message."""
        return self.channel in {None, channel} and self.category in {None, category}

    @property
    def precedence(self) -> tuple[bool, bool]:
        """Return what makes a rule prevail over others: its channel, then its category."""
        return self.channel is not None, self.category is not None


def evaluate_reach(
    destinations: Sequence[Destination], channel: Channel, category: Category, rules: Sequence[ReachRule]
) -> Decision:
    """Decide whether a message may go to its destinations; it is refused for the first one that it may not go to."""
    problems = problems_of_reach(destinations, channel, category, rules)
    return Refuse(problem=problems[0]) if problems else Go()


def problems_of_reach(
    destinations: Sequence[Destination], channel: Channel, category: Category, rules: Sequence[ReachRule]
) -> list[Problem]:
    """Return the problem of each destination to which a message may not go."""
    applying = sorted(
        (rule for rule in rules if rule.applies(channel, category)), key=lambda rule: rule.precedence, reverse=True
    )
    verdicts = [rule.countries for rule in applying]
    found = (
        _problem(f"Destinations[{position}]", destination, category, verdicts)
        for position, destination in enumerate(destinations)
    )
    return [problem for problem in found if problem is not None]


def _problem(
    field: str, destination: Destination, category: Category, verdicts: Sequence[Mapping[str, str]]
) -> Problem | None:
    if destination.key not in _WITH_COUNTRY:
        return None
    country = country_of(destination)
    if _verdict(country, verdicts) == "block":
        if country is None:
            return Problem(field=field, code="country_unknown_blocked")
        return Problem(field=field, code="country_blocked", details={"country": country})
    is_number = destination.key is DestinationKind.PHONE_NUMBER
    if category is Category.AUTHENTICATION and is_number and earns_from_calls(destination.value):
        return Problem(field=field, code="number_not_for_authentication")
    return None


def _verdict(country: str | None, verdicts: Sequence[Mapping[str, str]]) -> str:
    """Return the verdict of the first rule that names the country or all others."""
    named = (of_rule.get(country or OTHERS, of_rule.get(OTHERS)) for of_rule in verdicts)
    return next((verdict for verdict in named if verdict is not None), "allow")
