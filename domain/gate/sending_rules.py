"""Sending rules of a tenant: the hours in which messages of a kind may go to a country."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from domain.channels import Channel
from domain.durations import parse_duration
from domain.gate.category import Category
from domain.gate.schedule import Window
from domain.gate.schedule_request import problems_of_window
from domain.json_objects import JsonObject
from domain.phone_numbers import COUNTRIES
from domain.problems import Problem

DEFAULT_SPREAD: Final = timedelta(minutes=5)
"""Time after an opening over which the sends that waited for it are spread."""

MAX_SPREAD: Final = timedelta(hours=1)

MAX_WINDOWS: Final = 21
"""Windows of a rule: three a day."""


def _spread(text: str) -> str:
    duration = parse_duration(text)
    if duration is None or duration > MAX_SPREAD:
        raise PydanticCustomError("bad_spread", "not a spread")
    return text


def _country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("unknown_country", "not a country")
    return code


class SendingRule(JsonObject):
    """Hours in which messages may go; an omitted country, category or channel stands for all.

    `authentication` is no category of a rule, because no message of that category is ever held.

    Attributes:
        country: the country of the recipient (ISO 3166-1 alpha-2).
        windows: the message may go while at least one of them is open.
        spread: the time after an opening over which the sends that waited are spread: an ISO 8601 duration.
    """

    model_config = ConfigDict(frozen=True)

    country: Annotated[str, AfterValidator(_country)] | None = Field(default=None, examples=["ES"])
    category: Literal["transactional", "marketing"] | None = None
    channel: Channel | None = Field(default=None, strict=False)
    windows: list[Window] = Field(min_length=1, max_length=MAX_WINDOWS)
    spread: Annotated[str, AfterValidator(_spread)] | None = Field(default=None, examples=["PT5M"])

    def applies(self, country: str | None, category: Category, channel: Channel) -> bool:
        """Whether the rule is about such a message."""
        wanted = ((self.country, country), (self.category, category), (self.channel, channel))
        return category is not Category.AUTHENTICATION and all(rule in {None, given} for rule, given in wanted)

    @property
    def precedence(self) -> tuple[bool, bool, bool]:
        """Return what makes a rule prevail over others: its country, then its channel, then its category."""
        return self.country is not None, self.channel is not None, self.category is not None

    @property
    def spread_time(self) -> timedelta:
        """Return the spread, by default `DEFAULT_SPREAD`."""
        given = parse_duration(self.spread) if self.spread is not None else None
        return DEFAULT_SPREAD if given is None else given


def applying_rule(
    rules: Sequence[SendingRule], country: str | None, category: Category, channel: Channel
) -> SendingRule | None:
    """Return the most specific rule about a message; none ever applies to authentication."""
    applying = [rule for rule in rules if rule.applies(country, category, channel)]
    return max(applying, key=lambda rule: rule.precedence, default=None)


def problems_of_rules(rules: Iterable[tuple[str, SendingRule]]) -> list[Problem]:
    """Return the problems of rules, each given with its field: unknown zones or calendars, or the same messages."""
    problems: list[Problem] = []
    seen: set[tuple[str | None, str | None, Channel | None]] = set()
    for field, rule in rules:
        for place, window in enumerate(rule.windows):
            problems += problems_of_window(window, f"{field}.windows[{place}]")
        subject = (rule.country, rule.category, rule.channel)
        if subject in seen:
            problems.append(Problem(field=field, code="duplicate_rule"))
        seen.add(subject)
    return problems
