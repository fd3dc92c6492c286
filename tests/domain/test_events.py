"""What is heard from a provider, within bounds: records are read for ever."""

from domain.events import ProviderEvent
from domain.outcomes import LONGEST_DETAIL
from domain.status import Milestone


def test_what_a_provider_writes_at_length_is_cut() -> None:
    long = "a" * 100_000
    event = ProviderEvent(key=long, word=long, milestone=Milestone.NONE, detail=long)
    assert (len(event.key), len(event.word), len(event.detail)) == (64, 100, LONGEST_DETAIL)


def test_long_keys_that_differ_stay_different() -> None:
    long = "a" * 1_000
    keys = {ProviderEvent(key=long + end, word="sent", milestone=Milestone.SENT).key for end in ("", "b", "c")}
    assert len(keys) == 3


def test_what_is_short_enough_is_kept_as_it_is() -> None:
    event = ProviderEvent(key="k" * 500, word="w" * 100, milestone=Milestone.NONE, detail="d" * LONGEST_DETAIL)
    assert (event.key, event.word, event.detail) == ("k" * 500, "w" * 100, "d" * LONGEST_DETAIL)
