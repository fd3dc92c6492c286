"""Routes for templates: versioned payloads with placeholders that are rendered when sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from pymongo.errors import DuplicateKeyError

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, check_same, fingerprint, id_by_key
from api.http.lookup import get_or_404, or_404
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page, page_of
from api.http.request_body import json_body
from api.schemas.common import Page
from api.schemas.templates import (
    TEMPLATE_ANSWER,
    TEMPLATE_EXAMPLE,
    Rendered,
    RenderRequest,
    TemplateAnswer,
    TemplateChange,
    TemplateChoice,
    TemplateRequest,
    VariableAsked,
)
from domain.access import Caller, Operation
from domain.channels import Channel
from domain.errors import InvalidRequestError, OverloadedError
from domain.gate.category import Category
from domain.interaction import TemplateReference
from domain.problems import Problem
from domain.templates import RenderingError, Variable, check_rendered, check_template, render
from models.audit import write_audit
from models.base import NEWEST_FIRST
from models.template import Template, Version
from queries.cursor import Cursor

router = APIRouter(tags=["templates"])

EMPTY: Final[Mapping[str, JsonValue]] = {}

_MAX_TRIES: Final = 10
"""Attempts at a change that conflicts with concurrent ones."""


@router.post(
    "/v1/templates",
    summary="Create a template",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[TemplateAnswer],
    responses={**refusals(400, 409, 413, 422), **shown(TEMPLATE_ANSWER, HTTPStatus.CREATED)},
)
async def create_template(
    caller: Annotated[Caller, allowed(Operation.TEMPLATES_WRITE)],
    body: Annotated[TemplateRequest, json_body(TemplateRequest, {"reminder": TEMPLATE_EXAMPLE})],
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Keep a payload with placeholders, once it is seen that its examples make a valid one."""
    first = Version(
        number=1,
        name=body.name,
        payload=body.payload,
        variables=_variables(body.variables),
        language=body.language,
        time_zone=body.time_zone,
        category=body.category,
        author_id=caller.account_id,
    )
    _check(body.channel, first)
    template = Template(
        id=id_by_key("template", caller, idempotency_key),
        tenant=caller.tenant,
        channel=body.channel,
        newest=first,
        fingerprint=fingerprint(body),
    )
    try:
        await template.insert()
    except DuplicateKeyError:
        made = await Template.find_one({"_id": template.id, "tenant": caller.tenant})
        if made is None:
            raise _name_taken() from None
        check_same(made.fingerprint, template.fingerprint)
        template = made
    else:
        await write_audit(caller, "template.created", template.id, body.model_fields_set)
    return success(TemplateAnswer.of(template).on_the_wire(), "Plantilla creada", HTTPStatus.CREATED)


@router.get(
    "/v1/templates",
    summary="List templates",
    response_model=Envelope[Page[TemplateAnswer]],
    responses={**refusals(422), **shown({"items": [TEMPLATE_ANSWER], "nextCursor": None})},
)
async def list_templates(
    caller: Annotated[Caller, allowed(Operation.TEMPLATES_READ)],
    asked: AskedPage,
    channel: Annotated[Channel | None, Query(description="Those of this channel.")] = None,
) -> JSONResponse:
    """Your templates as they are now, the newest first."""
    selector: dict[str, Any] = {
        "tenant": caller.tenant,
        **({"channel": channel} if channel else {}),
        **(asked.after.after("created") if asked.after else {}),
    }
    found = await Template.read_some(selector, NEWEST_FIRST, asked.limit + 1)
    payload = page_of(
        found,
        asked,
        lambda template: TemplateAnswer.of(template).on_the_wire(),
        lambda template: Cursor(template.created, template.id),
    )
    return success(payload, "Plantillas encontradas")


@router.get(
    "/v1/templates/{template_id}",
    summary="Read a template",
    response_model=Envelope[TemplateAnswer],
    responses={**refusals(404, 422), **shown(TEMPLATE_ANSWER)},
)
async def read_template(
    template_id: str,
    caller: Annotated[Caller, allowed(Operation.TEMPLATES_READ)],
    version: Annotated[int | None, Query(ge=1, le=2**31, description="Which version; else the newest.")] = None,
) -> JSONResponse:
    """One version of the template."""
    template = await get_or_404(Template, template_id, caller)
    return success(
        TemplateAnswer.of(template, or_404(await template.version(version), "version")).on_the_wire(),
        "Plantilla encontrada",
    )


@router.get(
    "/v1/templates/{template_id}/versions",
    summary="List a template's versions",
    response_model=Envelope[Page[TemplateAnswer]],
    responses=refusals(404, 422),
)
async def list_versions(
    template_id: str, caller: Annotated[Caller, allowed(Operation.TEMPLATES_READ)], asked: AskedPage
) -> JSONResponse:
    """What the template says and said, the newest first."""
    template = await get_or_404(Template, template_id, caller)
    last_seen = asked.after.id if asked.after else ""
    before = int(last_seen) if last_seen.isdecimal() else template.newest.number
    earlier = await template.versions_before(before, asked.limit + 1)
    found = earlier if asked.after else [template.newest, *earlier]
    payload = page(
        found,
        asked,
        lambda version: TemplateAnswer.of(template, version).on_the_wire(),
        lambda version: Cursor(version.created, str(version.number)),
    )
    return success(payload, "Versiones encontradas")


@router.patch(
    "/v1/templates/{template_id}",
    summary="Change a template",
    response_model=Envelope[TemplateAnswer],
    responses={**refusals(400, 404, 409, 413, 422), **shown(TEMPLATE_ANSWER)},
)
async def change_template(
    template_id: str,
    caller: Annotated[Caller, allowed(Operation.TEMPLATES_WRITE)],
    body: Annotated[
        TemplateChange,
        json_body(
            TemplateChange,
            {"text": {"payload": {"Type": "simple-text", "Text": "Hola, {{nombre}}: le esperamos el {{fecha}}"}}},
        ),
    ],
) -> JSONResponse:
    """Make a new version, with what is given changed; the versions before stay as they are, and may be sent."""
    for _ in range(_MAX_TRIES):
        template = await get_or_404(Template, template_id, caller)
        changed = _changed(template.newest, body, caller)
        _check(template.channel, changed)
        try:
            superseded = await template.supersede(changed)
        except DuplicateKeyError:
            raise _name_taken() from None
        if superseded:
            await write_audit(caller, "template.changed", template_id, body.model_fields_set)
            return success(TemplateAnswer.of(template, changed).on_the_wire(), "Plantilla modificada")
    raise OverloadedError


@router.delete(
    "/v1/templates/{template_id}", summary="Delete a template", response_model=Envelope, responses=refusals(404)
)
async def delete_template(
    template_id: str, caller: Annotated[Caller, allowed(Operation.TEMPLATES_WRITE)]
) -> JSONResponse:
    """Remove it with all its versions; what was sent with it stays as it was sent."""
    template = await get_or_404(Template, template_id, caller)
    await template.remove()
    await write_audit(caller, "template.deleted", template_id)
    return success(None, "Plantilla eliminada")


@router.post(
    "/v1/templates/{template_id}/render",
    summary="Preview a template",
    response_model=Envelope[Rendered],
    responses=refusals(400, 404, 413, 422),
)
async def render_template(
    template_id: str,
    caller: Annotated[Caller, allowed(Operation.TEMPLATES_READ)],
    body: Annotated[
        RenderRequest, json_body(RenderRequest, {"reminder": {"variables": {"nombre": "Ana", "fecha": "2026-12-01"}}})
    ],
) -> JSONResponse:
    """The payload that a send with these variables would have; or what is wrong with them."""
    template = await get_or_404(Template, template_id, caller)
    version = or_404(await template.version(body.version), "version")
    try:
        payload = render(
            template.channel, version.payload, version.variables, body.variables, "variables", style=version.style
        )
        summary = check_rendered(template.channel, payload).summary()
    except RenderingError as error:
        raise InvalidRequestError(error.problems) from error
    shown_payload = Rendered(version=version.number, payload=payload, summary=summary)
    return success(shown_payload.on_the_wire(), "Plantilla aplicada")


@dataclass(frozen=True, slots=True)
class Content:
    """Content of a send.

    Attributes:
        template: the template that made the payload, if any.
        category: the category unless the send names another.
    """

    payload: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    template: TemplateReference | None = None
    category: Category = Category.TRANSACTIONAL


async def rendered(
    tenant: str, channel: Channel, choice: TemplateChoice, shared: Mapping[str, JsonValue] = EMPTY
) -> Content:
    """Render a send's template; `shared` are values for those of its variables that the choice does not fill.

    Raises:
        InvalidRequestError: if the template or version does not exist, is of another channel, or a variable is wrong.
    """
    template = await Template.find_one({"_id": choice.id, "tenant": tenant})
    version = await template.version(choice.version) if template else None
    if template is None or version is None:
        field = "template.id" if template is None else "template.version"
        raise InvalidRequestError([Problem(field=field, code="template_not_found")])
    if template.channel is not channel:
        details: dict[str, str | int] = {"expected": channel, "channel": template.channel}
        raise InvalidRequestError([Problem(field="template.id", code="wrong_channel", details=details)])
    values = {one.name: shared[one.name] for one in version.variables if one.name in shared} | choice.variables
    try:
        payload = render(channel, version.payload, version.variables, values, "template.variables", style=version.style)
    except RenderingError as error:
        raise InvalidRequestError(error.problems) from error
    reference = TemplateReference(id=template.id, name=version.name, version=version.number, variables=values)
    return Content(payload, reference, version.category)


def _variables(asked: Sequence[VariableAsked]) -> list[Variable]:
    return [Variable.model_validate(one.model_dump()) for one in asked]


def _changed(newest: Version, asked: TemplateChange, caller: Caller) -> Version:
    return Version(
        number=newest.number + 1,
        name=newest.name if asked.name is None else asked.name,
        payload=newest.payload if asked.payload is None else asked.payload,
        variables=newest.variables if asked.variables is None else _variables(asked.variables),
        language=newest.language if asked.language is None else asked.language,
        time_zone=newest.time_zone if asked.time_zone is None else asked.time_zone,
        category=newest.category if asked.category is None else asked.category,
        author_id=caller.account_id,
    )


def _check(channel: Channel, version: Version) -> None:
    try:
        check_template(channel, version.payload, version.variables, style=version.style)
    except RenderingError as error:
        raise InvalidRequestError(error.problems) from error


def _name_taken() -> InvalidRequestError:
    return InvalidRequestError([Problem(field="name", code="name_taken")])
