"""Destinations: one form for every spelling; anything else is refused."""

import itertools
import sys
from collections.abc import Callable

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.channels import Channel
from domain.destinations import (
    KIND_OF_CHANNEL,
    UNGROUPED,
    Destination,
    DestinationKind,
    InvalidDestinationError,
    normalise,
    parse_destinations,
)

PHONES = ["34638766068", "442079460958", "14155552671", "390612345678", "5491123456789", "861012345678", "9613123456"]
PHONE = DestinationKind.PHONE_NUMBER
EMAIL = DestinationKind.EMAIL
PAGE_SCOPED = DestinationKind.PAGE_SCOPED_ID

kinds = st.sampled_from(DestinationKind)
ornaments = st.text(" -.()\t\u00a0", max_size=3)
garbage = st.one_of(
    st.text(),
    st.text("0123456789+-. ()", max_size=40),
    st.text(st.characters(categories=["Nd"]), max_size=20),
    st.text("ab.@-_\"'\\<>[]: \x00ñ例", max_size=40),
    st.lists(st.text(max_size=20), min_size=2, max_size=3).map("@".join),
    st.sampled_from(["3" * 2_000, "a" * 2_000, "a@b." * 500, "\x00" * 2_000, "😀" * 2_000]),
)


@st.composite
def spelled(draw: st.DrawFn, number: str) -> str:
    """Number as people write it: a prefix, and separators between any two digits."""
    prefix = draw(st.sampled_from(["", "+", "00", " +", "(+", "0 0"]))
    return prefix + "".join(digit + draw(ornaments) for digit in number)


@given(st.sampled_from(PHONES).flatmap(lambda number: st.tuples(st.just(number), spelled(number))))
def test_every_spelling_of_a_phone_number_is_one_destination(pair: tuple[str, str]) -> None:
    number, spelling = pair
    assert normalise(PHONE, spelling) == number


@pytest.mark.parametrize(
    "text", ["+34 638-766-068", "0034638766068", "34638766068", "(+34) 638.766.068", "34 638766068"]
)
def test_the_specifications_phone_number_in_other_spellings(text: str) -> None:
    assert normalise(PHONE, text) == "34638766068"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("+44 (0)20 7946 0958", "442079460958"),
        ("+49 (0)30 123456", "4930123456"),
        ("0049 030 123456", "4930123456"),
        ("+33 (0)6 12 34 56 78", "33612345678"),
        ("+39 06 1234 5678", "390612345678"),  # Italy dials its zero from abroad too
    ],
)
def test_a_phone_number_loses_the_zero_that_is_only_dialled_at_home(text: str, stored: str) -> None:
    assert normalise(PHONE, text) == stored


def test_a_number_of_any_region_that_is_dialled_from_abroad_is_stored_as_it_is() -> None:
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    for region, kind in itertools.product(sorted(phonenumbers.SUPPORTED_REGIONS), kinds):
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None:
            dialled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            assert f"+{normalise(PHONE, dialled)}" == dialled, region


@given(
    country=st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)),
    prefix=st.sampled_from(["", "0", "(0)", "1", "8", "06"]),
    subscriber=st.from_regex(r"[1-9][0-9]{6,11}", fullmatch=True),
)
def test_a_phone_number_of_any_country_is_refused_or_stored_as_it_stays(
    country: int, prefix: str, subscriber: str
) -> None:
    try:
        stored = normalise(PHONE, f"+{country} {prefix}{subscriber}")
    except InvalidDestinationError:
        return
    assert normalise(PHONE, f"+{stored}") == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "00",
        "638766068x",
        "0638766068",
        "+0034638766068",
        "++34638766068",
        "34",
        "346387660680000000",
        "999999999999",
        "٣٤٦٣٨٧٦٦٠٦٨",
        "638766068",
        "913456789",
        "011 44 20 7946 0958",
        "34638766068\x00",
        "usuario@dominio.com",
    ],
)
def test_an_invalid_phone_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidDestinationError) as refused:
        normalise(PHONE, text)
    assert refused.value.code == "bad_phone_number"


@given(kind=kinds, text=garbage)
def test_any_text_is_a_destination_or_refused_and_what_is_stored_stays_as_it_is(
    kind: DestinationKind, text: str
) -> None:
    try:
        stored = Destination(key=kind, value=normalise(kind, text))
    except InvalidDestinationError:
        return
    assert normalise(kind, stored.written) == stored.value


@given(st.emails())
def test_an_email_address_is_normalised_once(address: str) -> None:
    try:
        stored = normalise(EMAIL, address)
    except InvalidDestinationError:
        return  # domains such as `.test` are reserved
    assert normalise(EMAIL, stored) == stored
    assert normalise(EMAIL, f" {stored} ") == stored


@pytest.mark.parametrize(
    ("given_as", "stored"),
    [
        ("usuario@dominio.com", "usuario@dominio.com"),
        (" usuario@DOMINIO.com\n", "usuario@dominio.com"),
        ("Usuario@Dominio.Com", "Usuario@dominio.com"),
        ("ñandú@correo.es", "ñandú@correo.es"),
        ("n\u0303andu\u0301@correo.es", "ñandú@correo.es"),
        ("用户@例え.jp", "用户@例え.jp"),
        ("info@xn--r8jz45g.jp", "info@例え.jp"),
        ("MAÑANA@ESPAÑA.es", "MAÑANA@españa.es"),
        ("a+b@correo.es", "a+b@correo.es"),
    ],
)
def test_an_email_address_keeps_its_local_part_and_loses_the_case_of_its_domain(given_as: str, stored: str) -> None:
    assert normalise(EMAIL, given_as) == stored


@pytest.mark.parametrize(
    "text", ["", "usuario", "@dominio.com", "a@b", "a b@correo.es", "a@correo..es", "a@co\x00rreo.es", "<a@correo.es>"]
)
def test_an_invalid_email_address_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InvalidDestinationError) as refused:
        normalise(EMAIL, text)
    assert refused.value.code == "bad_email"
    assert refused.value.details.keys() == {"es", "en"}


@given(st.text("0123456789", min_size=1, max_size=50))
def test_a_page_scoped_id_is_kept_digit_for_digit(digits: str) -> None:
    assert normalise(PAGE_SCOPED, f" {digits} ") == digits


@pytest.mark.parametrize("text", ["", "12a", "1" * 51, "-1", "١٢٣"])
def test_an_invalid_page_scoped_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidDestinationError) as refused:
        normalise(PAGE_SCOPED, text)
    assert refused.value.code == "bad_page_scoped_id"


def test_every_channel_has_its_kind_of_destination() -> None:
    assert set(KIND_OF_CHANNEL) == set(Channel)


def test_a_destination_is_in_no_group_and_has_no_user_at_first() -> None:
    assert parse_destinations(Channel.SMS, ["+34 638 766 068"]) == (
        [Destination(key=PHONE, value="34638766068", group=UNGROUPED, user_id=None)],
        [],
    )


def test_every_invalid_destination_is_reported_by_its_position_and_stays_as_given() -> None:
    destinations, problems = parse_destinations(Channel.SMS, ["no", "34638766068", "nor this"])
    assert [destination.value for destination in destinations] == ["no", "34638766068", "nor this"]
    assert [(problem.field, problem.code) for problem in problems] == [
        ("Destinations[0]", "bad_phone_number"),
        ("Destinations[2]", "bad_phone_number"),
    ]


def test_two_spellings_of_one_destination_are_a_repetition() -> None:
    _, problems = parse_destinations(Channel.SMS, ["34638766068", "+34 638 766 068"])
    assert [(problem.field, problem.code) for problem in problems] == [("Destinations[1]", "duplicate_destination")]


@given(channel=st.sampled_from(Channel), texts=st.lists(garbage, max_size=4))
def test_no_text_of_a_list_is_lost(channel: Channel, texts: list[str]) -> None:
    destinations, problems = parse_destinations(channel, texts)
    assert len(destinations) == len(texts)
    assert all(problem.message() for problem in problems)


def calls_made(function: Callable[[], object]) -> int:
    """Count the function calls: a measure of work that does not depend on the machine's load."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("channel", [Channel.MESSENGER, Channel.SMS])
def test_parsing_time_grows_linearly_with_the_number_of_destinations(channel: Channel) -> None:
    def work(number: int) -> int:
        texts = [f"{34_600_100_000 + position}" for position in range(number)]
        return calls_made(lambda: parse_destinations(channel, texts))

    assert work(10) > 0
    assert work(400) <= 4.2 * work(100)
