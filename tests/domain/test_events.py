"""Webhook items are of bounded size, because records are permanent."""

from datetime import UTC, datetime, timedelta, timezone

from domain.events import ProviderEvent
from domain.outcomes import MAX_DETAIL_LENGTH
from domain.status import Milestone


def test_long_texts_of_a_provider_are_cut() -> None:
    long = "a" * 100_000
    event = ProviderEvent(key=long, provider_status=long, milestone=Milestone.NONE, detail=long)
    assert (len(event.key), len(event.provider_status), len(event.detail)) == (64, 100, MAX_DETAIL_LENGTH)


def test_long_keys_that_differ_stay_different() -> None:
    long = "a" * 1_000
    keys = {
        ProviderEvent(key=long + end, provider_status="sent", milestone=Milestone.SENT).key for end in ("", "b", "c")
    }
    assert len(keys) == 3


def test_a_long_identifier_is_of_bounded_length_and_matches_no_id_of_ours() -> None:
    long = "a" * 100_000
    event = ProviderEvent(
        key="k", provider_status="sent", milestone=Milestone.SENT, reference=long, destination=long, code=long
    )
    assert [len(text or "") for text in (event.reference, event.destination, event.code)] == [64, 64, 100]


def test_an_instant_outside_the_range_of_utc_is_none() -> None:
    too_early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    event = ProviderEvent(key="k", provider_status="sent", milestone=Milestone.SENT, occurred_at=too_early)
    assert event.occurred_at is None


def test_an_instant_is_stored_in_utc_and_in_milliseconds() -> None:
    madrid = datetime(2026, 7, 21, 12, 30, 0, 246_999, tzinfo=timezone(timedelta(hours=2)))
    event = ProviderEvent(key="k", provider_status="sent", milestone=Milestone.SENT, occurred_at=madrid)
    assert event.occurred_at == datetime(2026, 7, 21, 10, 30, 0, 246_000, UTC)


def test_short_texts_are_stored_unchanged() -> None:
    event = ProviderEvent(
        key="k" * 500, provider_status="w" * 100, milestone=Milestone.NONE, detail="d" * MAX_DETAIL_LENGTH
    )
    assert (event.key, event.provider_status, event.detail) == ("k" * 500, "w" * 100, "d" * MAX_DETAIL_LENGTH)
