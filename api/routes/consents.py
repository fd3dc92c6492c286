"""Routes for consents: what recipients take and refuse."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from api.auth.access import allowed, phone_number_rules
from api.http.envelope import Envelope, error_items, success
from api.http.lookup import get_or_404
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page_of
from api.http.request_body import json_body
from api.schemas.common import Page
from api.schemas.consents import (
    CONSENT_ANSWER,
    CONSENT_EXAMPLES,
    ConsentFilters,
    ConsentImport,
    ConsentRequest,
    ImportAnswer,
)
from api.state import IrisState, State
from domain.access import Caller, Operation
from domain.channels import Channel
from domain.clock import to_milliseconds, utc_now
from domain.destinations import Destination, DestinationKind, InvalidDestinationError, kind_of, normalise, readings
from domain.errors import InvalidRequestError
from domain.gate.consent import ConsentChange, ConsentSource, Coverage, Evidence
from domain.phone_numbers import PhoneNumberRules
from domain.problems import MAX_PROBLEMS, Problem
from domain.texts import chosen_language
from models.audit import write_audit
from models.base import NEWEST_FIRST
from models.consent import Consent
from queries.cursor import Cursor
from wire.consents import ConsentAnswer

router = APIRouter(tags=["consents"])

_ROWS_AT_ONCE: Final = 50
"""Imported consents that are read without a pause for other requests."""


@router.get(
    "/v1/consents",
    summary="List consents",
    response_model=Envelope[Page[ConsentAnswer]],
    responses={**refusals(422), **shown({"items": [CONSENT_ANSWER], "nextCursor": None})},
)
async def list_consents(
    caller: Annotated[Caller, allowed(Operation.CONSENTS_READ)],
    filters: Annotated[ConsentFilters, Query()],
    asked: AskedPage,
    state: State,
) -> JSONResponse:
    """List opt-outs and opt-ins, those recorded last first."""
    selector = {
        "tenant": caller.tenant,
        **await _conditions(filters, caller, state),
        **(asked.after.after("created") if asked.after else {}),
    }
    found = await Consent.read_some(selector, NEWEST_FIRST, asked.limit + 1)
    payload = page_of(
        found,
        asked,
        lambda consent: ConsentAnswer.of(consent).on_the_wire(),
        lambda consent: Cursor(consent.created, consent.id),
    )
    return success(payload, "Consentimientos encontrados")


@router.put(
    "/v1/consents",
    summary="Record a consent",
    response_model=Envelope[ConsentAnswer],
    responses={**refusals(400, 404, 413, 422), **shown(CONSENT_ANSWER)},
)
async def put_consent(
    caller: Annotated[Caller, allowed(Operation.CONSENTS_WRITE)],
    body: Annotated[ConsentRequest, json_body(ConsentRequest, CONSENT_EXAMPLES)],
    state: State,
) -> JSONResponse:
    """Record that a destination takes or refuses messages.

    There is one consent per destination, coverage and category. A statement that is not later than the recorded one
    changes nothing; the answer is the consent in force.
    """
    channel = await _Channels(caller, state).of(body)
    change = change_of(body, channel, ConsentSource.API, caller, phone_number_rules(caller, state.settings))
    await state.consents.record(caller.tenant, [change])
    person = await state.consents.person_of(caller.tenant, change.destination)
    consent = await get_or_404(Consent, Consent.id_of(caller.tenant, person, change.coverage), caller)
    await write_audit(caller, "consent.recorded", consent.id, body.given())
    return success(ConsentAnswer.of(consent).on_the_wire(), "Consentimiento registrado")


@router.post(
    "/v1/consents/import",
    summary="Import consents",
    response_model=Envelope[ImportAnswer],
    responses={**refusals(400, 413, 422), **shown({"changed": 2, "refused": 0, "problems": []})},
)
async def import_consents(
    caller: Annotated[Caller, allowed(Operation.CONSENTS_WRITE)],
    body: Annotated[
        ConsentImport, json_body(ConsentImport, {"some": {"consents": list(CONSENT_EXAMPLES.values())[:2]}})
    ],
    state: State,
) -> JSONResponse:
    """Record many consents at once, but for those whose destination or integration is wrong, which are reported.

    A repeated import changes nothing where each consent says `at`.
    """
    rules, channels = phone_number_rules(caller, state.settings), _Channels(caller, state)
    changes: list[ConsentChange] = []
    problems: list[Problem] = []
    for position, asked in enumerate(body.consents):
        if position % _ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)  # a thousand phone numbers take a fifth of a second, in which others wait
        try:
            changes.append(change_of(asked, await channels.of(asked), ConsentSource.IMPORT, caller, rules))
        except InvalidRequestError as error:
            place = f"consents[{position}]"
            problems += [one.model_copy(update={"field": f"{place}.{one.field}"}) for one in error.problems]
    changed = await state.consents.record(caller.tenant, changes)
    await write_audit(caller, "consent.imported", caller.tenant)
    answer = ImportAnswer(
        changed=changed,
        refused=len(body.consents) - len(changes),
        problems=error_items(problems[:MAX_PROBLEMS], chosen_language()),
    )
    return success(answer.on_the_wire(), "Consentimientos importados")


@router.get(
    "/v1/consents/{consent_id}",
    summary="Read a consent",
    response_model=Envelope[ConsentAnswer],
    responses={**refusals(404), **shown(CONSENT_ANSWER)},
)
async def read_consent(consent_id: str, caller: Annotated[Caller, allowed(Operation.CONSENTS_READ)]) -> JSONResponse:
    """Read a consent with its history."""
    return success(
        ConsentAnswer.of(await get_or_404(Consent, consent_id, caller)).on_the_wire(), "Consentimiento encontrado"
    )


@router.delete(
    "/v1/consents/{consent_id}", summary="Delete a consent", response_model=Envelope, responses=refusals(404)
)
async def delete_consent(
    consent_id: str, caller: Annotated[Caller, allowed(Operation.CONSENTS_WRITE)], state: State
) -> JSONResponse:
    """Delete a consent with its history, as if it had never been stated; to lift an opt-out, record an opt-in."""
    consent = await get_or_404(Consent, consent_id, caller)
    await state.consents.delete(consent)
    await write_audit(caller, "consent.deleted", consent.id)
    return success(None, "Consentimiento eliminado")


@dataclass(frozen=True, slots=True)
class _Channels:
    """Channels of the integrations that consents name; each is looked up once, also one that does not exist."""

    caller: Caller
    state: IrisState
    _known: dict[str, Channel | None] = field(default_factory=dict[str, Channel | None], init=False)

    async def of(self, asked: ConsentRequest) -> Channel | None:
        """Return the channel of the senders that a consent is about; None if it is about all.

        Raises:
            InvalidRequestError: if there is no such integration, or both channel and integration are given.
        """
        named = asked.integration_id
        if named is None:
            return asked.channel
        if asked.channel is not None:
            raise InvalidRequestError([Problem(field="channel", code="one_of_both")])
        if named not in self._known:
            integration = await self.state.integrations.of_tenant(named, self.caller.tenant)
            self._known[named] = integration.channel if integration is not None else None
        channel = self._known[named]
        if channel is None:
            raise InvalidRequestError([Problem(field="integrationId", code="integration_not_found")])
        return channel


def change_of(
    asked: ConsentRequest, channel: Channel | None, source: ConsentSource, caller: Caller, rules: PhoneNumberRules
) -> ConsentChange:
    """Convert a request to a statement of its caller.

    Args:
        asked: the request.
        channel: the channel of the senders that it is about, if it is about one.
        source: how the consent became known.
        caller: the account that records it.
        rules: the rules for reading phone numbers.

    Raises:
        InvalidRequestError: if the destination is none of its kind.
    """
    kind = asked.kind or _kind(channel, asked.destination)
    try:
        value = normalise(kind, asked.destination, rules)
    except InvalidDestinationError as error:
        raise InvalidRequestError([Problem(field="destination", code=error.code, details=error.details)]) from error
    return ConsentChange(
        kind=kind,
        value=value,
        coverage=_coverage(asked),
        state=asked.state,
        source=source,
        at=asked.at or to_milliseconds(utc_now()),
        evidence=Evidence(text=asked.text, account_id=caller.account_id),
    )


def _kind(channel: Channel | None, text: str) -> DestinationKind:
    if channel is not None:
        return kind_of(channel, text)
    return DestinationKind.EMAIL if "@" in text else DestinationKind.PHONE_NUMBER


def _coverage(asked: ConsentRequest) -> Coverage:
    if asked.integration_id is not None:
        return Coverage.of_sender(asked.integration_id, asked.category)
    if asked.channel is not None:
        return Coverage.of_channel(asked.channel, asked.category)
    return Coverage.of_tenant(asked.category)


async def _conditions(filters: ConsentFilters, caller: Caller, state: IrisState) -> dict[str, Any]:
    values = {"state": filters.state, "category": filters.category, "source": filters.source, "scope": filters.scope}
    conditions: dict[str, Any] = {name: value.value for name, value in values.items() if value is not None}
    if filters.channel is not None or filters.integration_id is not None:
        scopes = [filters.channel, filters.integration_id]
        conditions["scope_value"] = {"$in": [str(one) for one in scopes if one is not None]}
    if filters.destination is not None:
        conditions["person"] = {"$in": await _persons(filters.destination, caller, state)}
    return conditions


async def _persons(destination: str, caller: Caller, state: IrisState) -> list[str]:
    """The names of a destination of unknown kind.

    Raises:
        InvalidRequestError: if it is a destination of no kind.
    """
    rules = phone_number_rules(caller, state.settings)
    named = [(kind, value) for kind in DestinationKind for value in readings(kind, destination, rules)]
    if not named:
        raise InvalidRequestError([Problem(field="destination", code="bad_destination")])
    return [await state.consents.person_of(caller.tenant, Destination(key=kind, value=value)) for kind, value in named]
