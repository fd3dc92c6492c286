"""The progress of an interaction to several destinations is that of its slowest destination."""

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


def event_of(destination: str | None, milestone: Milestone) -> ProviderEvent:
    word = milestone.name.lower()
    return ProviderEvent(key=f"{destination}{word}", provider_status=word, milestone=milestone, destination=destination)


def test_one_delivery_of_two_does_not_deliver_the_message() -> None:
    progress = RecipientProgress(BOTH)
    assert progress.apply(event_of(ANA, Milestone.DELIVERED)) == (Milestone.NONE, "")
    assert progress.apply(event_of(BLAS, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


def test_a_bounce_beside_a_delivery_is_a_failure_in_either_order() -> None:
    for order in permutations([event_of(ANA, Milestone.DELIVERED), event_of(BLAS, Milestone.FAILED)]):
        progress = RecipientProgress(BOTH)
        assert [progress.apply(event) for event in order][-1] == (Milestone.FAILED, "failed")
        assert progress.failure == "failed"


def test_an_event_without_a_destination_is_about_all() -> None:
    assert RecipientProgress(BOTH).apply(event_of(None, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


def test_a_copy_that_bounces_does_not_affect_the_message() -> None:
    assert not RecipientProgress(BOTH).includes(event_of("copia@correo.es", Milestone.FAILED))


def test_an_erased_destination_is_not_awaited() -> None:
    erased = Destination(key=DestinationKind.EMAIL, value="")
    progress = RecipientProgress([erased, *BOTH[1:]])
    assert not progress.includes(event_of("", Milestone.FAILED))
    assert progress.apply(event_of(BLAS, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")
    progress = RecipientProgress([one.model_copy(update={"user_id": one.value}) for one in BOTH])
    progress.leave_out([ANA])
    assert progress.apply(event_of(BLAS, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")
    assert RecipientProgress([erased]).apply(event_of(None, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


def test_a_number_in_another_of_its_forms_is_still_the_destination() -> None:
    progress = RecipientProgress([Destination(key=DestinationKind.PHONE_NUMBER, value="5491123456789")])
    other_form = event_of("541123456789", Milestone.DELIVERED)
    assert progress.includes(other_form)
    assert progress.apply(other_form) == (Milestone.DELIVERED, "delivered")


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
    progress = RecipientProgress([Destination(key=kind, value=value) for value in (other, written)])
    assert progress.includes(event_of(reported, Milestone.DELIVERED))
    assert progress.apply(event_of(reported, Milestone.DELIVERED)) == (Milestone.NONE, "")
    assert progress.apply(event_of(other, Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


def test_a_destination_is_compared_by_its_own_kind_beside_one_of_another_kind() -> None:
    kinds = {"34638766068": DestinationKind.PHONE_NUMBER, "551187654321": DestinationKind.PAGE_SCOPED_ID}
    progress = RecipientProgress([Destination(key=kind, value=value) for value, kind in kinds.items()])
    assert progress.apply(event_of("551187654321", Milestone.DELIVERED)) == (Milestone.NONE, "")
    assert progress.apply(event_of("34638766068", Milestone.DELIVERED)) == (Milestone.DELIVERED, "delivered")


@pytest.mark.parametrize("destinations", [BOTH, BOTH[:1]])
@given(data=st.data())
def test_the_order_of_events_does_not_matter(destinations: list[Destination], data: st.DataObject) -> None:
    event = st.builds(event_of, st.sampled_from([ANA, BLAS, None]), st.sampled_from(list(Milestone)[1:]))
    events = data.draw(st.lists(event, min_size=1, max_size=6))
    events = [one for one in events if RecipientProgress(destinations).includes(one)]
    events = events or [event_of(None, Milestone.SENT)]
    endings: set[tuple[Milestone, str]] = set()
    for order in (events, events[::-1], data.draw(st.permutations(events))):
        progress = RecipientProgress(destinations)
        endings.add([progress.apply(one) for one in order][-1])
    assert len(endings) == 1
