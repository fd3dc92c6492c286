"""Opt-outs that refuse a message, by scope, category and time."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.channels import Channel
from domain.gate.category import Category
from domain.gate.consent import Consent, ConsentCategory, ConsentSource, ConsentState, Coverage, refusing

MARKETING, ALL = ConsentCategory
OUT, IN = ConsentState
_NOW = datetime(2026, 12, 1, tzinfo=UTC)


def consent(coverage: Coverage, state: ConsentState, day: int = 1) -> Consent:
    return Consent(coverage=coverage, state=state, source=ConsentSource.API, at=_NOW + timedelta(days=day))


def tenant(category: ConsentCategory, state: ConsentState, day: int = 1) -> Consent:
    return consent(Coverage.of_tenant(category), state, day)


def sender(category: ConsentCategory, state: ConsentState, day: int = 1) -> Consent:
    return consent(Coverage.of_sender("one", category), state, day)


@pytest.mark.parametrize(
    ("consents", "refused"),
    [
        ([], []),
        ([tenant(MARKETING, OUT)], [Category.MARKETING]),
        ([tenant(ALL, OUT)], list(Category)),
        ([tenant(ALL, IN)], []),
        # Within one scope, the newest decides; only an opt-in to everything ends an opt-out of everything.
        ([tenant(MARKETING, OUT, 1), tenant(ALL, IN, 2)], []),
        ([tenant(MARKETING, OUT, 2), tenant(ALL, IN, 1)], [Category.MARKETING]),
        ([tenant(ALL, OUT, 1), tenant(MARKETING, IN, 2)], list(Category)),
        # The strictest scope decides, whatever is newer elsewhere.
        ([tenant(ALL, OUT, 1), sender(ALL, IN, 2)], list(Category)),
        ([sender(ALL, OUT, 1), tenant(ALL, IN, 2)], list(Category)),
        ([consent(Coverage.of_channel(Channel.SMS, MARKETING), OUT, 1), sender(ALL, IN, 2)], [Category.MARKETING]),
    ],
)
def test_the_refused_categories(consents: list[Consent], refused: list[Category]) -> None:
    assert [category for category in Category if refusing(consents, category, _NOW)] == refused


def test_the_latest_opt_out_is_named() -> None:
    first, last = tenant(ALL, OUT, 1), sender(MARKETING, OUT, 2)
    assert refusing([first, last], Category.MARKETING, _NOW) == last
    assert refusing([first, last], Category.AUTHENTICATION, _NOW) == first


def test_an_opt_out_with_an_end_refuses_until_then_and_no_opt_in_ends_it() -> None:
    pause = consent(Coverage.of_address(Channel.EMAIL), OUT).model_copy(update={"until": _NOW})
    consents = [pause, consent(Coverage.of_channel(Channel.EMAIL, ALL), IN, 2)]
    moment = timedelta(milliseconds=1)
    assert [refusing(consents, Category.AUTHENTICATION, at) for at in (_NOW - moment, _NOW)] == [pause, None]
    lasting = tenant(ALL, OUT, -9)
    assert refusing([pause, lasting], Category.MARKETING, _NOW - moment) == lasting
