"""Pagination cursors."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from api.http.pagination import MAX_PAGE_BYTES, PageQuery, page
from domain.errors import InvalidRequestError
from domain.identifiers import new_id
from models.user import User
from queries.cursor import Cursor
from tests.api.account_factories import Town

CURSORS = st.builds(
    Cursor,
    st.integers(0, 10**13).map(lambda milliseconds: datetime.fromtimestamp(milliseconds / 1000, UTC)),
    st.builds(new_id),
)


@given(CURSORS)
def test_a_cursor_survives_encoding(cursor: Cursor) -> None:
    assert Cursor.decode(cursor.encode()) == cursor


@given(st.text())
def test_an_invalid_cursor_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="cursor bad_cursor"):
        Cursor.decode(text)


def test_the_last_page_has_no_next_cursor() -> None:
    cursor = Cursor(datetime(2026, 1, 1, tzinfo=UTC), new_id())
    asked = PageQuery(limit=2, after=None)
    shown = page(["a", "b"], asked, str, lambda _: cursor)
    assert shown == {"items": ["a", "b"], "nextCursor": None}
    assert page(["a", "b", "c"], asked, str, lambda _: cursor) == {
        "items": ["a", "b"],
        "nextCursor": cursor.encode(),
    }


def test_a_page_of_large_items_is_cut_and_the_next_one_goes_on() -> None:
    cursors = [Cursor(datetime(2026, 1, 1, tzinfo=UTC), new_id()) for _ in range(5)]
    large = "x" * (MAX_PAGE_BYTES // 2 - 100)
    asked = PageQuery(limit=4, after=None)
    shown = page(range(5), asked, lambda _: large, lambda number: cursors[number])
    assert shown == {"items": [large] * 2, "nextCursor": cursors[1].encode()}
    one = page([0], asked, lambda _: large * 3, lambda number: cursors[number])
    assert one == {"items": [large * 3], "nextCursor": None}


async def test_users_with_large_metadata_are_listed_in_pages_of_bounded_bytes(town: Town) -> None:
    person = await town.person()
    metadata: dict[str, JsonValue] = {"note": "x" * 240_000}
    await User.collection().insert_many(
        User(tenant=town.tenant, name=f"user {number}", metadata=metadata).model_dump(by_alias=True)
        for number in range(30)
    )
    seen: list[str] = []
    query = {"limit": "200"}
    while True:
        answer = await person.http.get("/v1/users", params=query)
        assert len(answer.content) < MAX_PAGE_BYTES + 10_000
        payload = answer.json()["payload"]
        seen += [user["id"] for user in payload["items"]]
        if payload["nextCursor"] is None:
            break
        query["cursor"] = payload["nextCursor"]
    assert len(seen) == len(set(seen)) == 30
