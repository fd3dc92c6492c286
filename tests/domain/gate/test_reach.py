"""Reach: the tenant's countries by channel and category, and numbers that authentication never goes to."""

import pytest
from pydantic import ValidationError

from domain.channels import Channel
from domain.destinations import Destination, DestinationKind
from domain.gate.category import Category
from domain.gate.decision import Go, Refuse
from domain.gate.reach import ReachRule, evaluate_reach, problems_of_reach
from domain.problems import problems_of_validation

SPANISH, FRENCH, SATELLITE = "34600000001", "33612345678", "870773111632"


def rule(countries: dict[str, str], **fields: str) -> ReachRule:
    return ReachRule.model_validate({"countries": countries, **fields})


def phone(number: str) -> Destination:
    return Destination(key=DestinationKind.PHONE_NUMBER, value=number)


def code(
    destination: Destination, *rules: ReachRule, channel: Channel = Channel.SMS, category: Category = Category.MARKETING
) -> str:
    decision = evaluate_reach([destination], channel, category, rules)
    if isinstance(decision, Refuse):
        assert decision.problem.message()
        return decision.problem.code
    return "go"


ONLY_SPAIN = rule({"ES": "allow", "*": "block"})


def test_without_rules_every_country_is_reached() -> None:
    assert [code(phone(number)) for number in (SPANISH, FRENCH, SATELLITE)] == ["go", "go", "go"]


def test_a_country_is_allowed_or_blocked_by_name_or_among_the_others() -> None:
    assert code(phone(SPANISH), ONLY_SPAIN) == "go"
    assert code(phone(FRENCH), ONLY_SPAIN) == "country_blocked"
    assert code(phone(SATELLITE), ONLY_SPAIN) == "country_unknown_blocked"
    assert code(phone(FRENCH), rule({"ES": "block"})) == "go"


@pytest.mark.parametrize(
    ("channel", "category", "decision"),
    [
        (Channel.SMS, Category.MARKETING, "country_blocked"),
        (Channel.RCS, Category.MARKETING, "go"),
        (Channel.SMS, Category.AUTHENTICATION, "go"),
    ],
)
def test_the_most_specific_rule_that_names_a_country_decides(
    channel: Channel, category: Category, decision: str
) -> None:
    rules = [
        rule({"FR": "allow"}),
        rule({"FR": "block"}, channel="SMS"),
        rule({"DE": "block"}, channel="SMS", category="marketing"),
        rule({"FR": "allow"}, channel="SMS", category="authentication"),
    ]
    assert code(phone(FRENCH), *rules, channel=channel, category=category) == decision


def test_the_country_of_a_business_scoped_id_counts() -> None:
    identifier = Destination(key=DestinationKind.BUSINESS_SCOPED_ID, value="FR.1349")
    assert code(identifier, ONLY_SPAIN, channel=Channel.WHATSAPP) == "country_blocked"


def test_addresses_without_a_country_are_not_asked_for_one() -> None:
    address = Destination(key=DestinationKind.EMAIL, value="ana@example.com")
    assert code(address, ONLY_SPAIN, channel=Channel.EMAIL) == "go"


@pytest.mark.parametrize("number", ["34803123456", "34902123456", "19005550100"])
def test_authentication_never_goes_to_numbers_that_earn_from_it(number: str) -> None:
    assert code(phone(number), category=Category.AUTHENTICATION) == "number_not_for_authentication"
    assert code(phone(number), category=Category.TRANSACTIONAL) == "go"


@pytest.mark.parametrize("number", [SPANISH, "12125550100", "18005550100"])
def test_authentication_goes_to_ordinary_numbers(number: str) -> None:
    assert code(phone(number), category=Category.AUTHENTICATION) == "go"


def test_every_destination_that_is_not_reached_has_its_problem() -> None:
    destinations = [phone(FRENCH), phone(SPANISH), phone("4915112345678")]
    problems = problems_of_reach(destinations, Channel.SMS, Category.MARKETING, [ONLY_SPAIN])
    assert [(problem.field, problem.details) for problem in problems] == [
        ("Destinations[0]", {"country": "FR"}),
        ("Destinations[2]", {"country": "DE"}),
    ]
    assert evaluate_reach([phone(SPANISH)], Channel.SMS, Category.MARKETING, [ONLY_SPAIN]) == Go()


@pytest.mark.parametrize(
    ("countries", "field", "problem"),
    [
        ({"ZZ": "allow"}, "countries", "unknown_country"),
        ({"ES": "maybe"}, "countries.ES", "not_allowed"),
        ({}, "countries", "empty"),
    ],
)
def test_a_rule_that_cannot_be_read_is_a_problem_of_its_field(
    countries: dict[str, str], field: str, problem: str
) -> None:
    with pytest.raises(ValidationError) as wrong:
        rule(countries)
    (found,) = problems_of_validation(wrong.value.errors(), "", ReachRule)
    assert (found.field, found.code) == (field, problem)
