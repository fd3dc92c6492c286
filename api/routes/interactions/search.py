"""Routes that list and search interactions."""

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from api.auth.access import PhoneRules, allowed
from api.http.envelope import Envelope, success
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page
from api.http.parameters import BY_METADATA, BY_PRIMARY_KEY, named_values
from api.schemas.common import Page
from api.schemas.interaction_lists import PAGE_EXAMPLE, InteractionListItem, InteractionListQuery
from domain.access import Caller, Operation
from queries.cursor import Cursor
from queries.search import InteractionPage, InteractionSummary, search

router = APIRouter(tags=["interactions"])

_LISTED_DETAIL: Final = "Interacciones encontradas"


@router.get(
    "/v1/interactions",
    summary="List and find interactions",
    response_model=Envelope[Page[InteractionListItem]],
    responses={**shown(PAGE_EXAMPLE), **refusals(422)},
    openapi_extra={"parameters": [BY_METADATA, BY_PRIMARY_KEY]},
)
async def list_interactions(
    request: Request,
    caller: Annotated[Caller, allowed(Operation.INTERACTIONS_READ)],
    query: Annotated[InteractionListQuery, Query()],
    asked: AskedPage,
    rules: PhoneRules,
) -> JSONResponse:
    """Your interactions for which everything that you give is true, the newest first.

    One page looks at a bounded number of interactions: where the filters are true of very few, it may show less than
    `limit`, or nothing, and yet have a `nextCursor`. Read on until that is null.
    """
    after = asked.after.after("created") if asked.after else None
    filters = replace(
        query.to_filter(caller.tenant, rules),
        metadata=named_values(request.query_params, "metadata."),
        primary_key=named_values(request.query_params, "primaryKey."),
    )
    reading = await search(filters, after)
    found = await reading.page(asked.limit + 1) if reading else InteractionPage([], None)
    payload = page(
        found.items,
        asked,
        lambda item: InteractionListItem.of(item).on_the_wire(),
        _position,
        found.scanned_until,
    )
    return success(payload, _LISTED_DETAIL)


def _position(item: InteractionSummary) -> Cursor:
    return Cursor(item.created, item.id)
