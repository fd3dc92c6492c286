"""Routes for sending rules: the hours in which messages may go."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.auth.access import PhoneRules, allowed
from api.http.envelope import Envelope, success
from api.http.openapi import refusals, shown
from api.http.request_body import json_body
from api.schemas.sending_rules import (
    CHECK_ANSWER,
    CHECK_EXAMPLE,
    PRESET_ANSWER,
    RULES_ANSWER,
    RULES_EXAMPLE,
    PresetAnswer,
    PresetsAnswer,
    RulesCheck,
    RulesCheckAnswer,
    SendingRulesAnswer,
    SendingRulesRequest,
)
from api.state import State
from domain.access import Caller, Operation
from domain.clock import utc_now
from domain.destinations import Destination, InvalidDestinationError, kind_of, normalise
from domain.errors import InvalidRequestError
from domain.gate.decision import Go
from domain.gate.presets import PRESETS
from domain.gate.reach import evaluate_reach
from domain.gate.schedule import AT_ONCE
from domain.gate.scheduling import ScheduleCase, evaluate_schedule
from domain.gate.sending_rules import applying_rule
from domain.gate.zones import KnownZones, RecipientZones, zones_of
from domain.phone_numbers import PhoneNumberRules
from domain.problems import Problem
from domain.texts import chosen_language
from models.audit import write_audit
from models.sending_rules import SendingRules
from models.user import OwnedDestination, User
from queries.sending_rules import RulesOfTenant

router = APIRouter(tags=["sending rules"])


@router.get(
    "/v1/sending-rules",
    summary="Read the sending rules",
    response_model=Envelope[SendingRulesAnswer],
    responses={**refusals(), **shown(RULES_ANSWER)},
)
async def read_sending_rules(caller: Annotated[Caller, allowed(Operation.RULES_READ)]) -> JSONResponse:
    """The hours in which your messages may go, by country, category and channel of the message."""
    stored = await SendingRules.find_one({"_id": caller.tenant})
    return success(SendingRulesAnswer.of(stored).on_the_wire(), "Reglas de envío encontradas")


@router.put(
    "/v1/sending-rules",
    summary="Replace the sending rules",
    response_model=Envelope[SendingRulesAnswer],
    responses={**refusals(400, 413, 422), **shown(RULES_ANSWER)},
)
async def put_sending_rules(
    caller: Annotated[Caller, allowed(Operation.RULES_WRITE)],
    body: Annotated[SendingRulesRequest, json_body(SendingRulesRequest, {"spain": RULES_EXAMPLE})],
    state: State,
) -> JSONResponse:
    """Replace all rules. They hold for the sends from then on, everywhere within some seconds.

    A message outside its hours waits for the next opening. No rule ever holds a message of the category
    `authentication`.
    """
    changes = {"rules": [rule.as_json() for rule in body.with_presets()], "time_zone": body.time_zone}
    stored = await state.rules.change(caller.tenant, changes, caller.account_id)
    await write_audit(caller, "sending-rules.changed", caller.tenant, body.given())
    return success(SendingRulesAnswer.of(stored).on_the_wire(), "Reglas de envío modificadas")


@router.get(
    "/v1/sending-rules/presets",
    summary="List the presets of sending rules",
    response_model=Envelope[PresetsAnswer],
    responses={**refusals(), **shown({"items": [PRESET_ANSWER]})},
)
async def list_presets(caller: Annotated[Caller, allowed(Operation.RULES_READ)]) -> JSONResponse:  # noqa: ARG001 - it checks the scope
    """Hours that fit the laws and the networks of a country, with their sources. They are not legal advice."""
    language = chosen_language()
    items = [PresetAnswer.of(name, preset, language) for name, preset in PRESETS.items()]
    return success(PresetsAnswer(items=items).on_the_wire(), "Propuestas encontradas")


@router.post(
    "/v1/sending-rules/check",
    summary="Check when a message would go",
    response_model=Envelope[RulesCheckAnswer],
    responses={**refusals(400, 413, 422), **shown(CHECK_ANSWER)},
)
async def check_sending_rules(
    caller: Annotated[Caller, allowed(Operation.RULES_READ)],
    body: Annotated[RulesCheck, json_body(RulesCheck, {"marketing": CHECK_EXAMPLE})],
    phone_rules: PhoneRules,
    state: State,
) -> JSONResponse:
    """Compute when a message would go by the sending rules and the reach, and by which time zone. Nothing is sent.

    Velocity limits and consents are not asked.
    """
    destination = _destination(body, phone_rules)
    rules = await state.rules.of(caller.tenant)
    recipient = await _zones(caller.tenant, destination, rules)
    answer = _checked(body, destination, recipient, rules)
    return success(answer.on_the_wire(), "Comprobación hecha")


def _destination(asked: RulesCheck, rules: PhoneNumberRules) -> Destination:
    kind = kind_of(asked.channel, asked.destination)
    try:
        return Destination(key=kind, value=normalise(kind, asked.destination, rules))
    except InvalidDestinationError as error:
        raise InvalidRequestError([Problem(field="destination", code=error.code, details=error.details)]) from error


async def _zones(tenant: str, destination: Destination, rules: RulesOfTenant) -> RecipientZones:
    """The possible time zones of a recipient."""
    users = await User.owning(tenant, [OwnedDestination.of(destination)])
    user_zone = users[0].time_zone if users else None
    return zones_of(destination, KnownZones(tenant=rules.known_time_zone, user=user_zone))


def _checked(
    asked: RulesCheck, destination: Destination, recipient: RecipientZones, rules: RulesOfTenant
) -> RulesCheckAnswer:
    at = asked.at or utc_now()
    rule = applying_rule(rules.rules, recipient.country, asked.category, asked.channel)
    # The spread of a message depends on its id, which this one does not have.
    unspread = [rule.model_copy(update={"spread": "PT0S"})] if rule else []
    case = ScheduleCase("", AT_ONCE, asked.category, asked.channel, [recipient], unspread)
    decision = evaluate_reach([destination], asked.channel, asked.category, rules.reach.rules)
    if isinstance(decision, Go):
        decision = evaluate_schedule(case, at)
    choice = recipient.for_windows(rule.windows if rule else [], at)
    return RulesCheckAnswer.of(decision, at, recipient.country, rule, choice)
