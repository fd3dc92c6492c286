"""Rule of the gate about reach: countries to which a tenant sends, and numbers that earn from what they receive.

The numbering plans of `phonenumbers` change with each release, so workflows must not evaluate it.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from domain.channels import Channel
from domain.destinations import Destination, DestinationKind, country_of
from domain.gate.category import Category
from domain.gate.decision import Decision, Go, Refuse
from domain.gate.velocity import MAX_LIMIT, NO_LIMITS, VelocityLimits
from domain.json_objects import JsonObject
from domain.phone_numbers import COUNTRIES, earns_from_calls
from domain.problems import Problem

OTHERS: Final = "*"
"""Name of all countries that are not named, and of numbers that belong to none."""

_WITH_COUNTRY: Final = frozenset({DestinationKind.PHONE_NUMBER, DestinationKind.BUSINESS_SCOPED_ID})


Verdict = Literal["allow", "monitor", "block"]

MAX_REACH_RULES: Final = 24
"""One for each channel and category."""


def _countries(verdicts: dict[str, Verdict]) -> dict[str, Verdict]:
    if not verdicts.keys() <= COUNTRIES | {OTHERS}:
        raise PydanticCustomError("unknown_country", "not a country")
    return verdicts


class ReachRule(JsonObject):
    """Countries to which messages may go; an omitted channel or category stands for all.

    Attributes:
        countries: `allow`, `monitor` or `block` by country (ISO 3166-1 alpha-2) or `*`. Messages to a monitored country
            go, and are reported above a number a day. A country that no rule names is allowed.
    """

    model_config = ConfigDict(frozen=True)

    channel: Channel | None = Field(default=None, strict=False)
    category: Category | None = Field(default=None, strict=False)
    countries: Annotated[dict[str, Verdict], AfterValidator(_countries)] = Field(
        min_length=1, examples=[{"ES": "allow", OTHERS: "block"}]
    )

    def applies(self, channel: Channel, category: Category) -> bool:
        """Whether the rule is about such a message."""
        return self.channel in {None, channel} and self.category in {None, category}

    @property
    def precedence(self) -> tuple[bool, bool]:
        """Return what makes a rule prevail over others: its channel, then its category."""
        return self.channel is not None, self.category is not None


class ReachSettings(JsonObject):
    """Where a tenant's messages may go.

    Attributes:
        rules: the countries, by channel and category of the message.
        monitored_per_day: messages of a day (UTC) to a monitored country above which they are reported.
        velocity: limits on messages of authentication.
    """

    model_config = ConfigDict(frozen=True)

    rules: list[ReachRule] = Field(default=[], max_length=MAX_REACH_RULES)
    monitored_per_day: int = Field(default=100, alias="monitoredPerDay", ge=1, le=MAX_LIMIT)
    velocity: VelocityLimits = NO_LIMITS


EVERYWHERE: Final = ReachSettings()
"""Reach of a tenant that set nothing."""


def initial_reach(country: str | None) -> ReachSettings:
    """Return the reach of a new tenant: its own country, if that is known, and all others monitored."""
    countries: dict[str, Verdict] = {OTHERS: "monitor"}
    if country is not None:
        countries[country] = "allow"
    return ReachSettings(rules=[ReachRule(countries=countries)])


def problems_of_reach_rules(rules: Sequence[ReachRule], field: str) -> list[Problem]:
    """Return the problems of rules about the same messages."""
    subjects = [(rule.channel, rule.category) for rule in rules]
    return [
        Problem(field=f"{field}[{position}]", code="duplicate_rule")
        for position, subject in enumerate(subjects)
        if subject in subjects[:position]
    ]


def evaluate_reach(
    destinations: Sequence[Destination], channel: Channel, category: Category, rules: Sequence[ReachRule]
) -> Decision:
    """Decide whether a message may go to its destinations; it is refused for the first one that it may not go to."""
    problems = problems_of_reach(destinations, channel, category, rules)
    return Refuse(problem=problems[0]) if problems else Go()


def problems_of_reach(
    destinations: Sequence[Destination], channel: Channel, category: Category, rules: Sequence[ReachRule]
) -> list[Problem]:
    """Return the problem of each destination to which a message may not go; none of an empty one, of an erased user."""
    if not rules and category is not Category.AUTHENTICATION:
        return []
    found = (
        _problem(f"Destinations[{position}]", destination, channel, category, rules)
        for position, destination in enumerate(destinations)
        if destination.value
    )
    return [problem for problem in found if problem is not None]


def verdict_on(country: str | None, channel: Channel, category: Category, rules: Sequence[ReachRule]) -> Verdict:
    """Return the verdict on messages to a country: that of the most specific rule that names it or all others."""
    applying = (rule for rule in rules if rule.applies(channel, category))
    by_precedence = sorted(applying, key=lambda rule: rule.precedence, reverse=True)
    for rule in by_precedence:
        named = country if country in rule.countries else OTHERS
        if named in rule.countries:
            return rule.countries[named]
    return "allow"


def _problem(
    field: str, destination: Destination, channel: Channel, category: Category, rules: Sequence[ReachRule]
) -> Problem | None:
    if destination.key not in _WITH_COUNTRY:
        return None
    country = country_of(destination)
    if verdict_on(country, channel, category, rules) == "block":
        if country is None:
            return Problem(field=field, code="country_unknown_blocked")
        return Problem(field=field, code="country_blocked", details={"country": country})
    is_number = destination.key is DestinationKind.PHONE_NUMBER
    if category is Category.AUTHENTICATION and is_number and earns_from_calls(destination.value):
        return Problem(field=field, code="number_not_for_authentication")
    return None
