"""What is received from a provider, within bounds: records are read for ever."""

from datetime import UTC, datetime, timedelta, timezone

from domain.events import ProviderEvent
from domain.outcomes import MAX_DETAIL_LENGTH
from domain.status import Milestone


def test_what_a_provider_writes_at_length_is_cut() -> None:
    long = "a" * 100_000
    event = ProviderEvent(key=long, word=long, milestone=Milestone.NONE, detail=long)
    assert (len(event.key), len(event.word), len(event.detail)) == (64, 100, MAX_DETAIL_LENGTH)


def test_long_keys_that_differ_stay_different() -> None:
    long = "a" * 1_000
    keys = {ProviderEvent(key=long + end, word="sent", milestone=Milestone.SENT).key for end in ("", "b", "c")}
    assert len(keys) == 3


def test_an_identifier_at_length_names_nothing_of_ours_and_is_no_longer_than_others() -> None:
    long = "a" * 100_000
    event = ProviderEvent(key="k", word="sent", milestone=Milestone.SENT, reference=long, destination=long, code=long)
    assert [len(told or "") for told in (event.reference, event.destination, event.code)] == [64, 64, 100]


def test_a_moment_beyond_all_time_in_utc_is_none() -> None:
    too_early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    event = ProviderEvent(key="k", word="sent", milestone=Milestone.SENT, occurred_at=too_early)
    assert event.occurred_at is None


def test_a_moment_is_kept_in_utc_and_in_milliseconds_as_it_is_stored() -> None:
    madrid = datetime(2026, 7, 21, 12, 30, 0, 246_999, tzinfo=timezone(timedelta(hours=2)))
    event = ProviderEvent(key="k", word="sent", milestone=Milestone.SENT, occurred_at=madrid)
    assert event.occurred_at == datetime(2026, 7, 21, 10, 30, 0, 246_000, UTC)


def test_what_is_short_enough_is_kept_as_it_is() -> None:
    event = ProviderEvent(key="k" * 500, word="w" * 100, milestone=Milestone.NONE, detail="d" * MAX_DETAIL_LENGTH)
    assert (event.key, event.word, event.detail) == ("k" * 500, "w" * 100, "d" * MAX_DETAIL_LENGTH)
