"""Keyset pagination, which is stable under concurrent writes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Query
from pydantic import JsonValue

from api.schemas.common import StorableInstant
from models.base import Some
from queries.cursor import Cursor

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 200

MAX_PAGE_BYTES: Final = 1_048_576
"""Maximum bytes of a page with more than one item."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page is asked for."""

    limit: int
    after: Cursor | None


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
    return PageQuery(limit, Cursor.decode(cursor) if cursor else None)


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
    position: Callable[[Item], Cursor],
    scanned_until: Cursor | None = None,
) -> dict[str, JsonValue]:
    """Payload of a list: `items`, and `nextCursor`, which is null on the last page.

    Args:
        found: up to one item more than requested, to know whether there are more.
        asked: the requested page.
        show: converts an item for the answer.
        position: the cursor of an item.
        scanned_until: the position where the search stopped, if it stopped before the end of the list.
    """
    shown: list[JsonValue] = []
    size = 0
    for item in found[: asked.limit]:
        one = show(item)
        size += len(json.dumps(one))
        if shown and size > MAX_PAGE_BYTES:
            break
        shown.append(one)
    last = position(found[len(shown) - 1]) if len(shown) < len(found) else scanned_until
    return {"items": shown, "nextCursor": last.encode() if last else None}


def page_of(
    found: Some[Item], asked: PageQuery, show: Callable[[Item], JsonValue], position: Callable[[Item], Cursor]
) -> dict[str, JsonValue]:
    """Like `page`, for documents so large that not all of the page may have been read."""
    return page(found.items, asked, show, position, position(found.items[-1]) if found.is_cut else None)
