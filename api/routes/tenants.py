"""Routes for the tenant's settings."""

from typing import Annotated, Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pymongo import ReturnDocument

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.lookup import or_404
from api.http.openapi import refusals, shown
from api.http.request_body import json_body
from api.schemas.tenants import TenantAnswer, TenantChange
from api.state import CallerCache
from domain.access import Caller, Operation
from models.access import Tenant
from models.audit import write_audit

router = APIRouter(tags=["tenant"])

_EXAMPLE: Final = {
    "name": "obramat",
    "inboundToClosed": "replace",
    "defaultCountry": None,
    "keywords": {"optOut": {"es": ["no molestar"]}, "optIn": {}},
    "created": "2025-06-25T09:48:21.246Z",
}


@router.get(
    "/v1/tenant",
    summary="Read your tenant's settings",
    response_model=Envelope[TenantAnswer],
    responses={**refusals(404), **shown(_EXAMPLE)},
)
async def read_tenant(caller: Annotated[Caller, allowed(Operation.PROCESSES_READ)]) -> JSONResponse:
    """The tenant that the caller belongs to."""
    return _answer(await Tenant.find_one({"name": caller.tenant}), "Organización encontrada")


@router.patch(
    "/v1/tenant",
    summary="Change your tenant's settings",
    response_model=Envelope[TenantAnswer],
    responses={**refusals(400, 404, 413, 422), **shown(_EXAMPLE)},
)
async def change_tenant(
    caller: Annotated[Caller, allowed(Operation.ACCESS_WRITE)],
    body: Annotated[
        TenantChange,
        json_body(
            TenantChange,
            {
                "reopen": {"inboundToClosed": "reopen"},
                "spain": {"defaultCountry": "ES"},
                "keywords": {"keywords": {"optOut": {"es": ["no molestar"]}}},
            },
        ),
    ],
    callers: CallerCache,
) -> JSONResponse:
    """Change what is named; it holds for what is asked and comes in from then on, everywhere within some seconds."""
    changes: dict[str, Any] = body.model_dump(exclude_none=True)
    if body.default_country == "":
        changes["default_country"] = None
    found = await Tenant.collection().find_one_and_update(
        {"name": caller.tenant}, {"$set": changes}, return_document=ReturnDocument.AFTER
    )
    # Cached callers include their tenant's country.
    callers.clear()
    answer = _answer(Tenant.model_validate(found) if found else None, "Organización modificada")
    await write_audit(caller, "tenant.changed", caller.tenant, body.given())
    return answer


def _answer(tenant: Tenant | None, detail: str) -> JSONResponse:
    return success(TenantAnswer.of(or_404(tenant, "")).on_the_wire(), detail)
