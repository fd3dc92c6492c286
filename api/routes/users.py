"""Routes for users, who send and receive messages."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from pymongo.errors import DuplicateKeyError

from api.auth.access import PhoneRules, allowed
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, check_same, fingerprint, id_by_key
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page_of
from api.http.parameters import BY_METADATA, named_parameter, named_values
from api.http.request_body import json_body
from api.schemas.common import Page
from api.schemas.users import DestinationRequest, StoredUserAnswer, UserChange, UserRequest
from domain.access import Caller, Operation
from domain.destinations import DestinationKind, InvalidDestinationError, kind_named, normalise, readings
from domain.errors import InvalidRequestError, NotFoundError
from domain.phone_numbers import INTERNATIONAL, PhoneNumberRules
from domain.problems import Problem
from domain.search_keys import prefixes, searchable_fields
from models.audit import write_audit
from models.base import Some
from models.user import OwnedDestination, Sought, User, adding_step
from queries.cursor import Cursor

router = APIRouter(tags=["users"])

MAX_DESTINATIONS: Final = 100
"""Maximum destinations of one user."""

_EXAMPLE: Final[dict[str, JsonValue]] = {
    "name": "José Peña",
    "metadata": {"customer": "4711"},
    "primaryKey": {"PhoneNumber": ["34638766068"], "Email": ["jose@dominio.com"]},
    "timeZone": "Europe/Madrid",
}
_ANSWERED: Final = {"id": "67c98902c362797495a604d2", **_EXAMPLE, "created": "2025-06-25T09:48:21.246Z"}

_PRIMARY_KEY: Final = "primaryKey."


@router.get(
    "/v1/users",
    summary="List and find users",
    response_model=Envelope[Page[StoredUserAnswer]],
    responses={**refusals(422), **shown({"items": [_ANSWERED], "nextCursor": None})},
    openapi_extra={
        "parameters": [
            named_parameter("primaryKey.{kind}", "A destination of this kind, as `primaryKey.Email=jose@dominio.com`."),
            BY_METADATA,
        ]
    },
)
async def list_users(  # noqa: PLR0913 - one parameter for each filter
    request: Request,
    caller: Annotated[Caller, allowed(Operation.USERS_READ)],
    rules: PhoneRules,
    asked: AskedPage,
    *,
    name: Annotated[
        str | None,
        Query(max_length=200, description="How the name, or a word of it, begins; «jose p» finds José Peña."),
    ] = None,
    destination: Annotated[
        str | None, Query(max_length=1_000, description="A destination of any kind, in any usual spelling.")
    ] = None,
) -> JSONResponse:
    """Your users for whom everything that you give is true, the newest first.

    Users that were merged into others, or erased, are not among them.
    """
    sought = _sought(caller.tenant, rules, request.query_params, name, destination)
    after = asked.after.after("created") if asked.after else {}
    nobody: Some[User] = Some([], is_cut=False)
    found = await sought.found(after, asked.limit + 1) if sought else nobody
    payload = page_of(
        found,
        asked,
        lambda user: StoredUserAnswer.of(user).on_the_wire(),
        lambda user: Cursor(user.created, user.id),
    )
    return success(payload, "Usuarios encontrados")


@router.post(
    "/v1/users",
    summary="Create a user",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[StoredUserAnswer],
    responses={**refusals(400, 409, 413, 422), **shown(_ANSWERED, HTTPStatus.CREATED)},
)
async def create_user(
    caller: Annotated[Caller, allowed(Operation.USERS_WRITE)],
    body: Annotated[UserRequest, json_body(UserRequest, {"user": _EXAMPLE})],
    rules: PhoneRules,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Make a user. Each of its destinations may be nobody else's: 409 names the user whose it is."""
    destinations = _destinations(body.primary_key, rules)
    user = User(
        id=id_by_key("user", caller, idempotency_key),
        tenant=caller.tenant,
        name=body.name,
        metadata=body.metadata,
        destinations=destinations,
        time_zone=body.time_zone,
        fingerprint=fingerprint(body),
    )
    try:
        await user.insert()
    except DuplicateKeyError as error:
        made = await User.find_one({"_id": user.id, "tenant": caller.tenant})
        if made is None:
            raise await _taken(caller.tenant, destinations, "primaryKey") from error
        check_same(made.fingerprint, user.fingerprint)
        user = made
    else:
        await write_audit(caller, "user.created", user.id, body.given())
    return _answer(user, "Usuario creado", HTTPStatus.CREATED)


@router.get(
    "/v1/users/{user_id}",
    summary="Read a user",
    response_model=Envelope[StoredUserAnswer],
    responses={**refusals(404), **shown(_ANSWERED)},
)
async def read_user(user_id: str, caller: Annotated[Caller, allowed(Operation.USERS_READ)]) -> JSONResponse:
    """The user as it is now. One that was merged is the one that it was merged into: its `id` says so."""
    user = await User.surviving(caller.tenant, user_id)
    if user is None or user.erasure is not None:
        raise NotFoundError([Problem(field="id", code="user_erased" if user else "not_found")])
    return _answer(user, "Usuario encontrado")


@router.patch(
    "/v1/users/{user_id}",
    summary="Change a user",
    response_model=Envelope[StoredUserAnswer],
    responses={**refusals(400, 404, 409, 413, 422), **shown(_ANSWERED)},
)
async def change_user(
    user_id: str,
    caller: Annotated[Caller, allowed(Operation.USERS_WRITE)],
    body: Annotated[UserChange, json_body(UserChange, {"name": {"name": "José Peña Ruiz"}})],
) -> JSONResponse:
    """Change its name, its metadata or its time zone. Destinations have calls of their own."""
    changes: dict[str, Any] = {}
    if body.name is not None:
        changes |= {"name": body.name, "name_keys": prefixes(body.name)}
    if "metadata" in body.model_fields_set:
        changes |= {"metadata": body.metadata, "metadata_keys": searchable_fields(body.metadata)}
    if "time_zone" in body.model_fields_set:
        changes["time_zone"] = body.time_zone
    user = await _changed(caller.tenant, user_id, {"$set": changes})
    await write_audit(caller, "user.changed", user.id, body.given())
    return _answer(user, "Usuario modificado")


@router.post(
    "/v1/users/{user_id}/destinations",
    summary="Add a destination to a user",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[StoredUserAnswer],
    responses={**refusals(400, 404, 409, 413, 422), **shown(_ANSWERED, HTTPStatus.CREATED)},
)
async def add_destination(
    user_id: str,
    caller: Annotated[Caller, allowed(Operation.USERS_WRITE)],
    body: Annotated[
        DestinationRequest,
        json_body(DestinationRequest, {"phone": {"kind": "PhoneNumber", "value": "+34 638 766 068"}}),
    ],
    rules: PhoneRules,
) -> JSONResponse:
    """Give it a destination; one that it has already stays as it is. Of somebody else's, 409 names the owner."""
    added = _destination(body.kind, body.value, "kind", "value", rules)
    room = {"$expr": {"$lt": [{"$size": "$destinations"}, MAX_DESTINATIONS]}}
    try:
        user = await _changed(caller.tenant, user_id, [adding_step([added])], room)
    except DuplicateKeyError as error:
        raise await _taken(caller.tenant, [added], "value") from error
    await write_audit(caller, "user.changed", user.id, ["primaryKey"])
    return _answer(user, "Destino añadido", HTTPStatus.CREATED)


@router.delete(
    "/v1/users/{user_id}/destinations/{kind}/{value:path}",
    summary="Remove a destination of a user",
    response_model=Envelope[StoredUserAnswer],
    responses={**refusals(404, 409), **shown(_ANSWERED)},
)
async def remove_destination(
    user_id: str, kind: str, value: str, caller: Annotated[Caller, allowed(Operation.USERS_WRITE)]
) -> JSONResponse:
    """Take a destination from it; one that it does not have is not there afterwards either."""
    named = kind_named(kind)
    removed = owned_readings(named, value) if named else []
    if named is None or not removed:
        raise NotFoundError([Problem(field="value" if named else "kind", code="not_found")])
    identities = {"kind": named.value, "normal_form": {"$in": [one.normal_form for one in removed]}}
    user = await _changed(caller.tenant, user_id, {"$pull": {"destinations": identities}})
    await write_audit(caller, "user.changed", user.id, ["primaryKey"])
    return _answer(user, "Destino eliminado")


def _answer(user: User, detail: str, status: HTTPStatus = HTTPStatus.OK) -> JSONResponse:
    return success(StoredUserAnswer.of(user).on_the_wire(), detail, status)


async def _changed(
    tenant: str,
    user_id: str,
    update: Mapping[str, object] | Sequence[Mapping[str, object]],
    condition: Mapping[str, object] | None = None,
) -> User:
    """Apply an update to a user.

    Raises:
        NotFoundError: if there is no such user (any more).
        InvalidRequestError: if it was merged, or the condition does not hold.
        DuplicateKeyError: if another user owns one of its destinations.
    """
    user = await User.change(tenant, user_id, update, condition)
    if user is not None:
        return user
    found = await User.find_one({"tenant": tenant, "_id": user_id})
    if found is None or found.erasure is not None:
        raise NotFoundError([Problem(field="id", code="user_erased" if found else "not_found")])
    if found.merge is not None:
        details: dict[str, str | int] = {"user": found.merge.into}
        raise InvalidRequestError([Problem(field="id", code="user_merged", details=details)])
    raise InvalidRequestError([Problem(field="value", code="too_many", details={"limit": MAX_DESTINATIONS})])


async def _taken(tenant: str, destinations: list[OwnedDestination], field: str) -> InvalidRequestError:
    """The error for destinations that another user owns."""
    owners = await User.owning(tenant, destinations)
    owner = owners[0].id if owners else ""
    return InvalidRequestError([Problem(field=field, code="destination_taken", details={"user": owner})])


def _sought(
    tenant: str, rules: PhoneNumberRules, parameters: Mapping[str, str], name: str | None, destination: str | None
) -> Sought | None:
    """Query for the requested users; None if no user can match."""
    metadata = named_values(parameters, "metadata.")
    every: list[list[OwnedDestination]] = []
    for kind, value in named_values(parameters, _PRIMARY_KEY).items():
        # Stored values can always be found; values that do not fit their kind are refused.
        named = kind_named(kind)
        parameter = f"{_PRIMARY_KEY}{kind}"
        every.append(
            (owned_readings(named, value, rules) if named else [])
            or [_destination(kind, value, parameter, parameter, rules)]
        )
    if name is not None and not prefixes(name):
        raise InvalidRequestError([Problem(field="name", code="empty")])
    if destination is not None:
        every.append([one for kind in DestinationKind for one in owned_readings(kind, destination, rules)])
    return Sought(tenant=tenant, name=name, destinations=every, metadata=metadata) if all(every) else None


def owned_readings(kind: DestinationKind, text: str, rules: PhoneNumberRules = INTERNATIONAL) -> list[OwnedDestination]:
    """The possible readings of a text as a user's destination."""
    return [OwnedDestination(kind=kind, value=value) for value in readings(kind, text, rules)]


def _destinations(by_kind: Mapping[str, list[str]], rules: PhoneNumberRules) -> list[OwnedDestination]:
    """Parse destinations given by kind, without duplicates.

    Raises:
        InvalidRequestError: with all their problems.
    """
    problems: list[Problem] = []
    found: dict[tuple[str, str], OwnedDestination] = {}
    for kind, values in by_kind.items():
        for position, value in enumerate(values[:MAX_DESTINATIONS]):
            try:
                fields = f"primaryKey.{kind}", f"primaryKey.{kind}[{position}]"
                one = _destination(kind, value, *fields, rules)
                found.setdefault(one.identity, one)
            except InvalidRequestError as error:
                problems += error.problems
    if sum(map(len, by_kind.values())) > MAX_DESTINATIONS:
        problems.append(Problem(field="primaryKey", code="too_many", details={"limit": MAX_DESTINATIONS}))
    if problems:
        raise InvalidRequestError(problems)
    return list(found.values())


def _destination(kind: str, value: str, kind_field: str, value_field: str, rules: PhoneNumberRules) -> OwnedDestination:
    """Parse a destination.

    Raises:
        InvalidRequestError: if it is invalid.
    """
    named = kind_named(kind)
    if named is None:
        allowed_kinds = ", ".join(DestinationKind)
        raise InvalidRequestError([Problem(field=kind_field, code="not_allowed", details={"allowed": allowed_kinds})])
    try:
        return OwnedDestination(kind=named, value=normalise(named, value, rules))
    except InvalidDestinationError as error:
        raise InvalidRequestError([Problem(field=value_field, code=error.code, details=dict(error.details))]) from error
