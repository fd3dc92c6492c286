"""Route of the audit log."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.openapi import refusals, shown
from api.http.pagination import AskedInstant, AskedPage, page
from api.schemas.audit import AUDIT_EXAMPLE, AuditAnswer
from api.schemas.common import Page
from domain.access import Caller, Operation
from domain.identifiers import Id
from models.audit import AuditEntry
from queries.cursor import Cursor

router = APIRouter(tags=["access"])

_READ_DETAIL: Final = "Registro de auditoría"

_Text = Annotated[str | None, Query(max_length=200)]
_Id = Annotated[Id | None, Query(max_length=200)]


@router.get(
    "/v1/audit-log",
    summary="Read the audit log",
    response_model=Envelope[Page[AuditAnswer]],
    responses={**shown(AUDIT_EXAMPLE), **refusals(422)},
)
async def read_audit_log(  # noqa: PLR0913, PLR0917 - one argument for each filter
    caller: Annotated[Caller, allowed(Operation.ACCESS_READ)],
    asked: AskedPage,
    thing: _Text = None,
    thing_id: Annotated[_Id, Query(alias="thingId")] = None,
    account_id: Annotated[_Id, Query(alias="accountId")] = None,
    since: AskedInstant = None,
    until: AskedInstant = None,
) -> JSONResponse:
    """Who changed what of users, integrations, accounts, keys and all else that is administered, newest first."""
    of_whom = {"thing": thing, "thing_id": thing_id, "account_id": account_id}
    of_when = {"$gte": since, "$lt": until}
    conditions: list[dict[str, Any]] = [
        {"tenant": caller.tenant, **{name: value for name, value in of_whom.items() if value is not None}},
        {"created": {word: instant for word, instant in of_when.items() if instant is not None}},
        asked.after.after("created") if asked.after else {},
    ]
    found = AuditEntry.find({"$and": [one for one in conditions if any(one.values())]})
    entries = await found.sort("-created", "-_id").limit(asked.limit + 1).to_list()
    return success(page(entries, asked, _show, _place), _READ_DETAIL)


def _show(entry: AuditEntry) -> dict[str, Any]:
    return AuditAnswer.of(entry).on_the_wire()


def _place(entry: AuditEntry) -> Cursor:
    return Cursor(entry.created, entry.id)
