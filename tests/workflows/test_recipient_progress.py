"""An interaction to several destinations stands where its slowest destination stands."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.destinations import Destination, DestinationKind
from domain.events import ProviderEvent
from domain.status import Milestone
from workflows.recipient_progress import RecipientProgress

ANA, BLAS = "ana@correo.es", "blas@correo.es"
BOTH = [Destination(key=DestinationKind.EMAIL, value=value) for value in (ANA, BLAS)]


def news(destination: str | None, milestone: Milestone) -> ProviderEvent:
    word = milestone.name.lower()
    return ProviderEvent(key=f"{destination}{word}", word=word, milestone=milestone, destination=destination)


def test_one_delivery_of_two_does_not_deliver_the_message() -> None:
    audience = RecipientProgress(BOTH)
    assert audience.apply(news(ANA, Milestone.DELIVERED)) == (Milestone.NONE, "")
    assert audience.apply(news(BLAS, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


def test_a_bounce_beside_a_delivery_is_a_failure_in_either_order() -> None:
    for order in permutations([news(ANA, Milestone.DELIVERED), news(BLAS, Milestone.FAILED)]):
        audience = RecipientProgress(BOTH)
        assert [audience.apply(event) for event in order][-1] == (Milestone.FAILED, "failed")
        assert audience.failure == "failed"


def test_news_without_a_destination_is_about_all() -> None:
    assert RecipientProgress(BOTH).apply(news(None, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


def test_a_copy_that_bounces_is_not_the_messages_business() -> None:
    assert not RecipientProgress(BOTH).includes(news("copia@correo.es", Milestone.FAILED))


def test_of_a_destination_that_is_erased_nothing_is_awaited() -> None:
    erased = Destination(key=DestinationKind.EMAIL, value="")
    audience = RecipientProgress([erased, *BOTH[1:]])
    assert not audience.includes(news("", Milestone.FAILED))
    assert audience.apply(news(BLAS, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")
    audience = RecipientProgress([one.model_copy(update={"user_id": one.value}) for one in BOTH])
    audience.leave_out([ANA])
    assert audience.apply(news(BLAS, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")
    assert RecipientProgress([erased]).apply(news(None, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


def test_a_number_in_another_of_its_forms_is_still_the_destination() -> None:
    audience = RecipientProgress([Destination(key=DestinationKind.PHONE_NUMBER, value="5491123456789")])
    other_form = news("541123456789", Milestone.DELIVERED)
    assert audience.includes(other_form)
    assert audience.apply(other_form) == (Milestone.DELIVERED, "delivered")


@pytest.mark.parametrize(
    ("kind", "written", "reported", "other"),
    [
        (DestinationKind.EMAIL, "Jose@dominio.com", "jose@DOMINIO.com", "ana@dominio.com"),
        (DestinationKind.PHONE_NUMBER, "525512345678", "5215512345678", "34638766068"),
        (DestinationKind.PHONE_NUMBER, "5215512345678", "525512345678", "34638766068"),
        (DestinationKind.PHONE_NUMBER, "5511987654321", "551187654321", "34638766068"),
        (DestinationKind.PHONE_NUMBER, "541187654321", "5491187654321", "34638766068"),
    ],
)
def test_one_of_several_is_the_same_in_another_spelling(
    kind: DestinationKind, written: str, reported: str, other: str
) -> None:
    audience = RecipientProgress([Destination(key=kind, value=value) for value in (other, written)])
    assert audience.includes(news(reported, Milestone.DELIVERED))
    assert audience.apply(news(reported, Milestone.DELIVERED)) == (Milestone.NONE, "")
    assert audience.apply(news(other, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


def test_a_destination_is_compared_as_what_it_is_beside_one_of_another_kind() -> None:
    kinds = {"34638766068": DestinationKind.PHONE_NUMBER, "551187654321": DestinationKind.PAGE_SCOPED_ID}
    audience = RecipientProgress([Destination(key=kind, value=value) for value, kind in kinds.items()])
    assert audience.apply(news("551187654321", Milestone.DELIVERED)) == (Milestone.NONE, "")
    assert audience.apply(news("34638766068", Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


@pytest.mark.parametrize("destinations", [BOTH, BOTH[:1]])
@given(data=st.data())
def test_the_order_of_news_does_not_matter(destinations: list[Destination], data: st.DataObject) -> None:
    event = st.builds(news, st.sampled_from([ANA, BLAS, None]), st.sampled_from(list(Milestone)[1:]))
    told = data.draw(st.lists(event, min_size=1, max_size=6))
    told = [one for one in told if RecipientProgress(destinations).includes(one)] or [news(None, Milestone.SENT)]
    endings: set[tuple[Milestone, str]] = set()
    for order in (told, told[::-1], data.draw(st.permutations(told))):
        audience = RecipientProgress(destinations)
        endings.add([audience.apply(one) for one in order][-1])
    assert len(endings) == 1
