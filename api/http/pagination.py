"""Keyset pagination, which is stable under concurrent writes."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Query
from pydantic import JsonValue, TypeAdapter

from api.schemas.common import StorableInstant
from domain.errors import InvalidRequestError
from domain.problems import Problem
from models.base import Some

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 200

MAX_PAGE_BYTES: Final = 1_048_576
"""Maximum bytes of a page with more than one item."""

Item = TypeVar("Item")

_PLACE: Final = TypeAdapter(tuple[float, str])


@dataclass(frozen=True, slots=True)
class Position:
    """Keyset position: date and id of the last item of a page, in a list sorted newest first."""

    date: datetime
    item_id: str

    def as_cursor(self) -> str:
        """The opaque cursor of this position."""
        text = json.dumps([self.date.timestamp(), self.item_id])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def of_cursor(cls, cursor: str) -> "Position":
        """Parse a cursor.

        Raises:
            InvalidRequestError: if it is invalid.
        """
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            seconds, item_id = _PLACE.validate_json(text)
            return cls(datetime.fromtimestamp(seconds, UTC), item_id)
        except (binascii.Error, ValueError, OverflowError, OSError) as error:
            raise InvalidRequestError([Problem(field="cursor", code="bad_cursor")]) from error

    def after(self, date_field: str, *, oldest_first: bool = False) -> dict[str, Any]:
        """Query for the items after this one: one index range on the date, less earlier items of the same instant."""
        range_, seen = ("$gte", "$lte") if oldest_first else ("$lte", "$gte")
        return {date_field: {range_: self.date}, "$nor": [{date_field: self.date, "_id": {seen: self.item_id}}]}


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page is asked for."""

    limit: int
    after: Position | None


async def _page_query(
    limit: Annotated[
        int,
        Query(
            ge=1,
            le=MAX_PAGE_SIZE,
            description="Items of a page at most; large ones are fewer: read on until `nextCursor` is null.",
        ),
    ] = DEFAULT_PAGE_SIZE,
    cursor: Annotated[str | None, Query(description="The `nextCursor` of the page before; none for the first.")] = None,
) -> PageQuery:
    return PageQuery(limit, Position.of_cursor(cursor) if cursor else None)


AskedPage = Annotated[PageQuery, Depends(_page_query)]


AskedInstant = Annotated[
    StorableInstant | None,
    Query(description="An instant with its time zone, as `2026-01-31T09:48:21.246Z`, or a day, which begins in UTC."),
]
"""An instant that a list is filtered by, in UTC; from `since`, included, up to `until`, excluded."""


def page(
    found: Sequence[Item],
    asked: PageQuery,
    show: Callable[[Item], JsonValue],
    place: Callable[[Item], Position],
    seen_until: Position | None = None,
) -> dict[str, JsonValue]:
    """Payload of a list: `items`, and `nextCursor`, which is null on the last page.

    Args:
        found: up to one item more than requested, to know whether there are more.
        asked: the requested page.
        show: converts an item for the answer.
        place: the position of an item in the list.
        seen_until: the position where the search stopped, if it stopped before the end of the list.
    """
    shown: list[JsonValue] = []
    size = 0
    for item in found[: asked.limit]:
        one = show(item)
        size += len(json.dumps(one))
        if shown and size > MAX_PAGE_BYTES:
            break
        shown.append(one)
    last = place(found[len(shown) - 1]) if len(shown) < len(found) else seen_until
    return {"items": shown, "nextCursor": last.as_cursor() if last else None}


def page_of(
    found: Some[Item], asked: PageQuery, show: Callable[[Item], JsonValue], place: Callable[[Item], Position]
) -> dict[str, JsonValue]:
    """Like `page`, for documents so large that not all of the page may have been read."""
    return page(found.items, asked, show, place, place(found.items[-1]) if found.is_cut else None)
