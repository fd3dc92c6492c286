"""Cursors of lists."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages import PageQuery, Position, page
from domain.errors import InvalidRequestError
from domain.identifiers import new_id

PLACES = st.builds(
    Position,
    st.integers(0, 10**13).map(lambda milliseconds: datetime.fromtimestamp(milliseconds / 1000, UTC)),
    st.builds(new_id),
)


@given(PLACES)
def test_a_cursor_says_the_place_that_it_was_made_of(place: Position) -> None:
    assert Position.of_cursor(place.as_cursor()) == place


@given(st.text())
def test_a_cursor_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="cursor bad_cursor"):
        Position.of_cursor(text)


def test_the_last_page_has_no_next_cursor() -> None:
    place = Position(datetime(2026, 1, 1, tzinfo=UTC), new_id())
    asked = PageQuery(limit=2, after=None)
    shown = page(["a", "b"], asked, str, lambda _: place)
    assert shown == {"items": ["a", "b"], "nextCursor": None}
    assert page(["a", "b", "c"], asked, str, lambda _: place) == {
        "items": ["a", "b"],
        "nextCursor": place.as_cursor(),
    }
