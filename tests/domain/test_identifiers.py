"""Identifiers: 24 hexadecimal digits; derived identifiers are stable."""

from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import derived_id, fairness_key, is_id, new_id

words = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f")), min_size=1, max_size=4)


def test_an_identifier_is_24_hexadecimal_digits_and_never_the_same() -> None:
    fresh = [new_id() for _ in range(1_000)]
    assert all(is_id(one) and len(one) == 24 for one in fresh)
    assert len(set(fresh)) == 1_000


def test_the_specifications_identifiers_are_identifiers() -> None:
    assert all(map(is_id, ["685bc5e5c707c57a2a9d09c6", "67c98902c362797495a602c6"]))


def test_other_texts_are_no_identifiers() -> None:
    assert not any(
        map(is_id, ["", "685bc5e5c707c57a2a9d09c", "685BC5E5C707C57A2A9D09C6", "685bc5e5c707c57a2a9d09c6\n"])
    )


@given(words)
def test_a_derived_identifier_is_always_the_same(parts: list[str]) -> None:
    assert derived_id(*parts) == derived_id(*parts)
    assert is_id(derived_id(*parts))


@given(one=words, other=words)
def test_other_parts_derive_another_identifier(one: list[str], other: list[str]) -> None:
    assert (derived_id(*one) == derived_id(*other)) == (one == other)


def test_the_boundaries_of_the_parts_matter() -> None:
    assert derived_id("a", "bc") != derived_id("ab", "c")
    assert derived_id("a", "") != derived_id("a")


def test_a_derived_identifier_does_not_change_between_releases() -> None:
    assert derived_id("channel", "SMS") == "9b53095f7f6bb0b79da21709"


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_a_fairness_key_is_the_beginning_of_the_tenants_name_that_temporal_takes(tenant: str) -> None:
    key = fairness_key(tenant)
    assert tenant.startswith(key)
    assert len(key.encode()) <= 64
    assert key == tenant or len(key.encode()) > 60
