"""Phone numbers: read strictly when a send costs money, leniently when a network reports them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.channels import Channel
from domain.destinations import (
    Destination,
    DestinationKind,
    InvalidDestinationError,
    normal_form,
    normal_forms,
    parse_destinations,
    reported,
)
from domain.phone_numbers import PhoneNumberRules, read_phone_number, spellings
from tests.providers.cases import Case, every_case

SPAIN = PhoneNumberRules(default_country="ES")
PHONE = DestinationKind.PHONE_NUMBER

digits = st.integers(10_000_000, 99_999_999).map(str)
mexican = st.builds("52{}{}".format, st.sampled_from(["55", "33", "81"]), digits)
brazilian = st.builds(
    "55{}9{}{}".format,
    st.sampled_from(["11", "21", "31", "85"]),
    st.sampled_from("6789"),
    st.integers(10**6, 10**7 - 1),
)
argentine = st.builds("5411{}".format, digits)
people = st.one_of(mexican, brazilian, argentine)
"""Normal forms of mobile numbers in the countries that have two spellings of one."""


@every_case("destination")
def test_a_destination_is_read_as_it_must_be(case: Case) -> None:
    channel = Channel(case.expected["channel"])
    (destination,), problems = parse_destinations(channel, [case.body])
    assert (not problems) == case.expected["accepted"]
    if "kind" in case.expected:
        assert destination.key == case.expected["kind"]


@pytest.mark.parametrize("text", ["638766068", "913456789", "612345678", "600000000", "011 44 20 7946 0958"])
def test_a_national_number_without_a_country_is_refused(text: str) -> None:
    assert read_phone_number(text) is None


@example(630_200_000)
@given(st.integers(600_000_000, 799_999_999))
def test_hardly_a_spanish_mobile_without_its_country_goes_abroad(number: int) -> None:
    """Only if the digits are a valid number of another country, which the number alone cannot show."""
    read = read_phone_number(str(number))
    assert read is None or read == str(number)
    national = read_phone_number(str(number), SPAIN)
    assert national is None or national in {f"34{number}", read}


@pytest.mark.parametrize(
    ("country", "text", "stored"),
    [
        ("ES", "638 766 068", "34638766068"),
        ("ES", "638766068", "34638766068"),
        ("ES", "34638766068", "34638766068"),
        ("ES", "+44 20 7946 0958", "442079460958"),
        ("ES", "447911123456", "447911123456"),
        ("GB", "020 7946 0958", "442079460958"),
        ("US", "(415) 555-2671", "14155552671"),
        ("US", "011 44 20 7946 0958", "442079460958"),
        ("BR", "(11) 98765-4321", "5511987654321"),
    ],
)
def test_a_national_number_is_read_in_the_default_country(country: str, text: str, stored: str) -> None:
    assert read_phone_number(text, PhoneNumberRules(default_country=country)) == stored


def test_ranges_newer_than_the_numbering_plans_can_be_let_in() -> None:
    new_range = "34500123456"
    assert read_phone_number(new_range) is None
    assert read_phone_number(f"+{new_range}") == new_range
    assert read_phone_number(new_range, PhoneNumberRules(accept_possible=True)) == new_range
    assert read_phone_number("0638766068", PhoneNumberRules(accept_possible=True)) is None


@pytest.mark.parametrize(
    "text",
    [
        "\u202a+34 638\u2011766\u2011068\u202c",
        "\uff0b\uff13\uff14638766068",
        "+34/638/766/068",
        "tel:+34-638-766-068",
        "TEL:0034638766068",
        "+34\u00a0638\u2013766\u2013068",
        "\u2066+34 638 766 068\u2069",
        "\ufeff+34\u200b638766068",
    ],
)
def test_a_number_is_read_as_telephones_and_pages_copy_it(text: str) -> None:
    assert read_phone_number(text) == "34638766068"


@given(people)
def test_every_spelling_of_a_person_has_one_normal_form(number: str) -> None:
    every = spellings(number)
    assert len(every) == 2
    assert {normal_form(PHONE, one) for one in every} == {number}
    assert all(number in normal_forms(one) and number in normal_forms(f"+{one}") for one in every)


@given(people)
def test_every_spelling_is_sent_to_by_whatsapp_as_written_and_by_telephone_as_dialled(number: str) -> None:
    for one in spellings(number):
        (by_whatsapp,), problems = parse_destinations(Channel.WHATSAPP, [f"+{one}"])
        assert (by_whatsapp.value, by_whatsapp.normal_form, problems) == (one, number, [])
        (by_sms,), _ = parse_destinations(Channel.SMS, [f"+{one}"])
        assert by_sms.normal_form == number
        if not number.startswith("54"):  # both spellings are dialled there: one for calls, one for texts
            assert by_sms.value == number


@given(people)
def test_two_spellings_of_one_person_are_a_repetition(number: str) -> None:
    _, problems = parse_destinations(Channel.WHATSAPP, [f"+{one}" for one in sorted(spellings(number))])
    assert [(problem.field, problem.code) for problem in problems] == [("Destinations[1]", "duplicate_destination")]


@given(st.text())
def test_a_normal_form_is_one_whatever_it_is_the_form_of(text: str) -> None:
    for kind in DestinationKind:
        assert normal_form(kind, normal_form(kind, text)) == normal_form(kind, text)


@given(channel=st.sampled_from(Channel), text=st.text())
def test_a_number_that_a_network_reports_is_never_refused(channel: Channel, text: str) -> None:
    try:
        somebody = reported(channel, text)
    except InvalidDestinationError:
        assert not text.strip()
        return
    assert somebody.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+5215512345678", "5215512345678"),
        ("12345", "12345"),
        ("VODAFONE", "VODAFONE"),
        ("+34 600 000 001", "34600000001"),
    ],
)
def test_a_network_names_numbers_short_codes_and_senders_with_letters(text: str, value: str) -> None:
    assert reported(Channel.SMS, text) == Destination(key=PHONE, value=value)


def test_the_letter_case_of_an_email_address_is_sent_and_not_compared() -> None:
    destinations, problems = parse_destinations(Channel.EMAIL, ["Jose@dominio.com", "jose@DOMINIO.com"])
    assert destinations[0].value == "Jose@dominio.com"
    assert [(problem.field, problem.code) for problem in problems] == [("Destinations[1]", "duplicate_destination")]
