"""Sending rules: which one applies, what is wrong with them, and the hours of the presets."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from domain.channels import Channel
from domain.gate.category import Category
from domain.gate.presets import PRESETS
from domain.gate.sending_rules import DEFAULT_SPREAD, SendingRule, applying_rule, problems_of_rules
from domain.gate.windows import Hours
from domain.problems import problems_of_validation
from domain.texts import Language

HOURS = {"from": "09:00", "to": "21:00"}


def rule(**fields: object) -> SendingRule:
    return SendingRule.model_validate({"windows": [HOURS], **fields})


RULES = [
    rule(),
    rule(category="marketing"),
    rule(country="ES"),
    rule(country="ES", category="marketing"),
    rule(country="ES", channel="SMS"),
    rule(channel="WhatsApp", category="transactional"),
]


@pytest.mark.parametrize(
    ("country", "category", "channel", "position"),
    [
        ("FR", Category.TRANSACTIONAL, Channel.SMS, 0),
        (None, Category.MARKETING, Channel.EMAIL, 1),
        ("ES", Category.TRANSACTIONAL, Channel.EMAIL, 2),
        ("ES", Category.MARKETING, Channel.EMAIL, 3),
        ("ES", Category.MARKETING, Channel.SMS, 4),
        ("FR", Category.TRANSACTIONAL, Channel.WHATSAPP, 5),
    ],
)
def test_the_most_specific_rule_applies(
    country: str | None, category: Category, channel: Channel, position: int
) -> None:
    assert applying_rule(RULES, country, category, channel) is RULES[position]


def test_no_rule_applies_to_authentication() -> None:
    assert applying_rule(RULES, "ES", Category.AUTHENTICATION, Channel.SMS) is None


def test_no_rule_applies_to_another_country() -> None:
    assert applying_rule([rule(country="ES")], "FR", Category.MARKETING, Channel.SMS) is None
    assert applying_rule([rule(country="ES")], None, Category.MARKETING, Channel.SMS) is None


def test_a_rule_spreads_for_five_minutes_or_as_it_says() -> None:
    assert rule().spread_time == DEFAULT_SPREAD
    assert rule(spread="PT0S").spread_time == timedelta()


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"country": "ZZ"}, "rules[0].country", "unknown_country"),
        ({"category": "authentication"}, "rules[0].category", "not_allowed"),
        ({"channel": "fax"}, "rules[0].channel", "not_allowed"),
        ({"windows": []}, "rules[0].windows", "empty"),
        ({"spread": "P1D"}, "rules[0].spread", "bad_spread"),
        ({"windows": [{"from": "09:00"}]}, "rules[0].windows[0].to", "missing"),
    ],
)
def test_a_rule_that_cannot_be_read_is_a_problem_of_its_field(fields: dict[str, object], field: str, code: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        rule(**fields)
    (problem,) = problems_of_validation(wrong.value.errors(), "rules[0]", SendingRule)
    assert (problem.field, problem.code) == (field, code)
    assert problem.message()


def test_rules_about_the_same_messages_or_with_unknown_names_are_problems() -> None:
    rules = [rule(country="ES"), rule(), rule(country="ES", windows=[HOURS, {**HOURS, "holidays": ["ES-XX"]}])]
    found = problems_of_rules(zip("abc", rules, strict=True))
    assert [(problem.field, problem.code) for problem in found] == [
        ("c.windows[1].holidays[0]", "unknown_holidays"),
        ("c", "duplicate_rule"),
    ]


# Presets


OPEN_HOURS = {
    # (weekday, Saturday, Sunday): the first and the last minute
    ("us-marketing", "America/New_York"): (("10:00", "17:59"), ("10:00", "16:59"), ("12:00", "16:59")),
    ("fr-marketing", "Europe/Paris"): (("08:30", "19:59"), ("08:30", "19:59"), None),
    ("es-marketing", "Europe/Madrid"): (("09:00", "20:59"), None, None),
}


@pytest.mark.parametrize(("preset", "zone"), OPEN_HOURS)
def test_a_preset_has_the_hours_of_its_country(preset: str, zone: str) -> None:
    for windows in (rule.windows for rule in PRESETS[preset].rules):
        for day, expected in zip((4, 5, 6), OPEN_HOURS[preset, zone], strict=True):  # Friday 4 December 2026, and on
            midnight = datetime(2026, 12, day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
            minutes = (midnight + timedelta(minutes=minute) for minute in range(24 * 60))
            open_ = [
                instant.astimezone(ZoneInfo(zone)) for instant in minutes if Hours(windows, zone).are_open(instant)
            ]
            shown = [f"{local:%H:%M}" for local in open_]
            assert ((shown[0], shown[-1]) if shown else None) == expected


@pytest.mark.parametrize(
    ("preset", "zone", "holiday"),
    [
        ("us-marketing", "America/New_York", "2026-12-25T12:00"),
        ("fr-marketing", "Europe/Paris", "2027-07-14T12:00"),
        ("es-marketing", "Europe/Madrid", "2026-12-08T12:00"),
    ],
)
def test_a_preset_excludes_the_holidays_of_its_country(preset: str, zone: str, holiday: str) -> None:
    noon = datetime.fromisoformat(holiday).replace(tzinfo=ZoneInfo(zone))
    assert not any(Hours(rule.windows, zone).are_open(noon) for rule in PRESETS[preset].rules)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_valid_and_names_its_source(preset: str) -> None:
    found = PRESETS[preset]
    assert problems_of_rules((preset, rule) for rule in found.rules) == []
    assert all(rule.category == "marketing" and rule.country for rule in found.rules)
    assert found.sources
    assert set(found.description) == set(Language)


def test_presets_say_nothing_about_email_and_whatsapp() -> None:
    channels = {rule.channel for preset in PRESETS.values() for rule in preset.rules}
    assert channels == {Channel.SMS, Channel.RCS}
