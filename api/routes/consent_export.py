"""Route that streams a tenant's consents as a file, which an import takes back."""

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from api.auth.access import allowed
from api.http.openapi import refusals
from api.http.streaming import HoldingResponse
from api.state import State
from domain.access import Caller, Operation
from domain.clock import to_wire
from domain.csv_cells import guarded
from domain.gate.consent import ConsentCategory, ConsentScope, ConsentState
from models.base import NEWEST_FIRST
from models.consent import Consent

router = APIRouter(tags=["consents"])

COLUMNS: Final = ("destination", "kind", "channel", "integrationId", "category", "state", "at", "text")
"""Fields of a row: those of an import. NDJSON omits the empty ones."""

_Page = Sequence[dict[str, str]]

_ROWS_AT_ONCE: Final = 500

_NEEDED: Final = dict.fromkeys(
    ("value", "kind", "scope", "scope_value", "category", "state", "at", "evidence.text"), True
)


class ExportFormat(StrEnum):
    """Format of an export."""

    NDJSON = "ndjson"
    CSV = "csv"


_MEDIA_TYPES: Final = {ExportFormat.NDJSON: "application/x-ndjson", ExportFormat.CSV: "text/csv"}

_DESCRIPTION: Final = (
    "One consent on each line. CSV has a heading, and an apostrophe before a cell that a spreadsheet would calculate."
)
_CONTENT: Final[dict[str, Any]] = {media_type: {"schema": {"type": "string"}} for media_type in _MEDIA_TYPES.values()}


@router.get(
    "/v1/consents/export",
    summary="Export consents",
    response_class=StreamingResponse,
    responses={
        200: {"content": _CONTENT, "description": _DESCRIPTION},
        **refusals(422),
    },
)
async def export_consents(  # noqa: PLR0913 - one parameter for each filter
    request: Request,
    caller: Annotated[Caller, allowed(Operation.CONSENTS_READ)],
    state: State,
    *,
    file_format: Annotated[
        ExportFormat | None, Query(alias="format", description="Default: by `Accept`; else `ndjson`.")
    ] = None,
    consent_state: Annotated[ConsentState | None, Query(alias="state")] = None,
    category: ConsentCategory | None = None,
) -> StreamingResponse:
    """All consents in one answer, the last recorded first, with the fields of an import.

    Those of erased users are left out, since they name nobody, and so are pauses of addresses, which end by themselves.
    An answer without its end, as HTTP shows it, is incomplete.
    """
    chosen = file_format or _accepted(request.headers.get("accept", ""))
    selector: dict[str, Any] = {
        "tenant": caller.tenant,
        "value": {"$ne": ""},
        "scope": {"$ne": ConsentScope.ADDRESS.value},
    }
    selector |= {"state": consent_state.value} if consent_state else {}
    selector |= {"category": category.value} if category else {}
    headers = {"Content-Disposition": f'attachment; filename="consents.{chosen}"'}
    async with AsyncExitStack() as stack:
        stack.enter_context(state.streams.acquire(caller.tenant))
        return HoldingResponse(_WRITERS[chosen](_rows(selector)), stack.pop_all(), _MEDIA_TYPES[chosen], headers)


def _accepted(accept: str) -> ExportFormat:
    return ExportFormat.CSV if _MEDIA_TYPES[ExportFormat.CSV] in accept.lower() else ExportFormat.NDJSON


async def _rows(selector: Mapping[str, Any]) -> AsyncIterator[_Page]:
    cursor = Consent.collection().find(selector, _NEEDED).sort(list(NEWEST_FIRST)).batch_size(_ROWS_AT_ONCE)
    async with cursor:
        while page := await cursor.to_list(_ROWS_AT_ONCE):
            yield [_row(one) for one in page]


def _row(stored: Mapping[str, Any]) -> dict[str, str]:
    scope = stored["scope"]
    return {
        "destination": stored["value"],
        "kind": stored["kind"],
        "channel": stored["scope_value"] if scope == ConsentScope.CHANNEL else "",
        "integrationId": stored["scope_value"] if scope == ConsentScope.SENDER else "",
        "category": stored["category"],
        "state": stored["state"],
        "at": to_wire(stored["at"]),
        "text": stored["evidence"]["text"],
    }


async def _as_csv(pages: AsyncIterator[_Page]) -> AsyncIterator[str]:
    yield ",".join(COLUMNS) + "\r\n"
    async for rows in pages:
        written = io.StringIO(newline="")
        csv.writer(written).writerows([guarded(row[name]) for name in COLUMNS] for row in rows)
        yield written.getvalue()


async def _as_ndjson(pages: AsyncIterator[_Page]) -> AsyncIterator[str]:
    async for rows in pages:
        given = ({name: value for name, value in row.items() if value} for row in rows)
        yield "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in given)


_WRITERS: Final = {ExportFormat.NDJSON: _as_ndjson, ExportFormat.CSV: _as_csv}
