"""Velocity limits: which counts a message adds to, and what is shown of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.channels import Channel
from domain.destinations import Destination, DestinationKind
from domain.gate.category import Category
from domain.gate.reach import EVERYWHERE, ReachSettings, initial_reach, problems_of_reach_rules
from domain.gate.reach_counters import counters_of
from domain.gate.velocity import Counter
from domain.problems import problems_of_validation

NOW = datetime(2026, 12, 1, 9, 48, 21, tzinfo=UTC)
SPANISH, FRENCH = "34638766068", "33612345678"
ALL: dict[str, dict[str, object]] = {
    "destination": {"limit": 5, "every": "PT1H", "action": "block"},
    "prefix": {"limit": 50, "every": "PT15M", "action": "monitor"},
    "country": {"times": 5, "action": "block"},
}


def counted(
    reach: ReachSettings, *values: str, category: Category = Category.AUTHENTICATION, channel: Channel = Channel.SMS
) -> list[Counter]:
    kind = DestinationKind.EMAIL if channel is Channel.EMAIL else DestinationKind.PHONE_NUMBER
    return counters_of([Destination(key=kind, value=value) for value in values], channel, category, reach, NOW)


def test_a_message_of_authentication_counts_by_number_prefix_and_country() -> None:
    by_number, by_prefix, by_country = counted(ReachSettings.model_validate({"velocity": ALL}), SPANISH)
    assert (by_number.subject, by_number.shown, by_number.limit) == (SPANISH, "3463876****", 5)
    assert (by_prefix.subject, by_prefix.shown, by_prefix.limit) == ("3463876", "3463876****", 50)
    assert (by_country.subject, by_country.shown, by_country.limit, by_country.times) == ("ES", "ES", 100, 5)
    assert [one.begins.isoformat()[11:16] for one in (by_number, by_prefix, by_country)] == ["09:00", "09:45", "00:00"]
    assert by_prefix.ends - by_prefix.begins == timedelta(minutes=15)
    assert {one.problem().field for one in (by_number, by_country)} == {"Destinations[0]"}


@pytest.mark.parametrize("category", [Category.TRANSACTIONAL, Category.MARKETING])
def test_other_messages_do_not_count(category: Category) -> None:
    reach = ReachSettings.model_validate({"velocity": ALL})
    assert counted(reach, SPANISH, category=category) == []
    assert counted(reach, "ana@example.com", channel=Channel.EMAIL) == []
    assert counted(EVERYWHERE, SPANISH) == []


@pytest.mark.parametrize("category", Category)
def test_a_new_tenant_monitors_all_messages_to_other_countries(category: Category) -> None:
    [french] = counted(initial_reach("ES"), SPANISH, FRENCH, category=category)
    assert (french.per, french.subject, french.limit, french.action) == ("monitored", "FR", 100, "monitor")
    assert [one.subject for one in counted(initial_reach(None), SPANISH, "870773111632")] == ["ES", "*"]


@pytest.mark.parametrize(
    ("reach", "field", "code"),
    [
        ({"velocity": {"prefix": ALL["prefix"] | {"every": "P2D"}}}, "velocity.prefix.every", "bad_period"),
        ({"velocity": {"prefix": ALL["prefix"] | {"limit": 0}}}, "velocity.prefix.limit", "too_small"),
        ({"velocity": {"country": {"times": 5, "action": "call"}}}, "velocity.country.action", "not_allowed"),
        ({"monitoredPerDay": 0}, "monitoredPerDay", "too_small"),
    ],
)
def test_a_limit_that_cannot_be_read_is_a_problem_of_its_field(reach: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        ReachSettings.model_validate(reach)
    [problem] = problems_of_validation(wrong.value.errors(), "", ReachSettings)
    assert (problem.field, problem.code) == (field, code)


def test_rules_about_the_same_messages_are_problems() -> None:
    rules = [{"countries": {"ES": "allow"}}, {"channel": "SMS", "countries": {"ES": "allow"}}]
    reach = ReachSettings.model_validate({"rules": [*rules, rules[1]]})
    assert [problem.field for problem in problems_of_reach_rules(reach.rules, "rules")] == ["rules[2]"]
