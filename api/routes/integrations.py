"""Routes for channels, providers and a tenant's integrations."""

import asyncio
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from pymongo.errors import DuplicateKeyError

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, check_same, fingerprint, id_by_key
from api.http.lookup import get_or_404
from api.http.openapi import refusals
from api.http.pagination import AskedPage, page_of
from api.http.request_body import json_body
from api.schemas.common import Page
from api.schemas.integrations import (
    CHANGE_EXAMPLES,
    NEW_EXAMPLES,
    CheckAnswer,
    IntegrationChange,
    IntegrationDetails,
    IntegrationType,
    IntegrationTypes,
    NewIntegration,
)
from api.state import Factory, State
from domain.access import Caller, Operation
from domain.channels import Channel
from domain.clock import utc_now
from domain.errors import InvalidRequestError, OverloadedError
from domain.gate.throttle_setting import Throttle, problems_of_throttle
from domain.problems import Problem
from domain.texts import both
from integrations.provider_factory import ProviderFactory, problems_of_settings
from models.audit import write_audit
from models.base import NEWEST_FIRST
from models.integration import Integration
from models.notification import Notification
from providers import PROVIDERS
from providers.base import AnyProvider, Check, MisconfiguredError, TransientError
from queries.cursor import Cursor
from security.credential_encryption import DecryptionError
from security.ssrf_guard import NOT_REACHABLE, ForbiddenAddressError

router = APIRouter(tags=["integrations"])

_CHECK_TIMEOUT_SECONDS: Final = 10.0
"""Timeout of a provider's credential check."""

_MAX_TRIES: Final = 5
"""Attempts at a change that conflicts with concurrent ones."""


@cache
def _catalogue() -> dict[str, JsonValue]:
    return IntegrationTypes(items=[IntegrationType.of(channel) for channel in Channel]).on_the_wire()


@router.get(
    "/v1/integration-types",
    summary="List integration types",
    response_model=Envelope[IntegrationTypes],
    responses=refusals(),
)
async def list_integration_types(_: Annotated[Caller, allowed(Operation.INTEGRATIONS_READ)]) -> JSONResponse:
    """The channels with their providers: what each can do, and the forms of its configuration and credentials."""
    return success(_catalogue(), "Tipos de integración encontrados")


@router.post(
    "/v1/integrations",
    summary="Create an integration",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[IntegrationDetails],
    responses=refusals(400, 409, 413, 422),
)
async def create_integration(
    caller: Annotated[Caller, allowed(Operation.INTEGRATIONS_WRITE)],
    body: Annotated[NewIntegration, json_body(NewIntegration, NEW_EXAMPLES)],
    factory: Factory,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Create an integration. Its credentials are encrypted, and never answered."""
    integration = _made(factory, caller, body, idempotency_key)
    try:
        await integration.insert()
    except DuplicateKeyError:
        first = await Integration.find_one({"_id": integration.id, "tenant": caller.tenant})
        if first is None or first.fingerprint is None:
            raise _name_taken() from None
        check_same(_fingerprint(factory, first.fingerprint), fingerprint(body))
        integration = first
    else:
        await write_audit(caller, "integration.created", integration.id, body.named())
    return success(_details(factory, integration), "Integración creada", HTTPStatus.CREATED)


@router.get(
    "/v1/integrations",
    summary="List integrations",
    response_model=Envelope[Page[IntegrationDetails]],
    responses=refusals(422),
)
async def list_integrations(  # noqa: PLR0913 - each filter is a parameter of the query
    caller: Annotated[Caller, allowed(Operation.INTEGRATIONS_READ)],
    factory: Factory,
    asked: AskedPage,
    *,
    channel: Annotated[Channel | None, Query(description="Those of this channel.")] = None,
    provider: Annotated[str | None, Query(description="Those of the provider with this name.")] = None,
    enabled: Annotated[bool | None, Query(description="Those that are enabled, or not.")] = None,
    name: Annotated[str | None, Query(description="The one of exactly this name.")] = None,
) -> JSONResponse:
    """The tenant's integrations, the newest first."""
    wanted = {"channel": channel, "provider": provider, "enabled": enabled, "name": name}
    selector: dict[str, Any] = {
        "tenant": caller.tenant,
        "deleted": None,
        **{field: value for field, value in wanted.items() if value is not None},
        **(asked.after.after("created") if asked.after else {}),
    }
    found = await Integration.read_some(selector, NEWEST_FIRST, asked.limit + 1)
    shown = page_of(found, asked, lambda it: _details(factory, it), lambda it: Cursor(it.created, it.id))
    return success(shown, "Integraciones encontradas")


@router.get(
    "/v1/integrations/{integration_id}",
    summary="Read an integration",
    response_model=Envelope[IntegrationDetails],
    responses=refusals(404),
)
async def read_integration(
    integration_id: str, caller: Annotated[Caller, allowed(Operation.INTEGRATIONS_READ)], factory: Factory
) -> JSONResponse:
    """The integration as it is now; of its credentials, which are set."""
    return success(
        _details(factory, await get_or_404(Integration, integration_id, caller, deleted=None)), "Integración encontrada"
    )


@router.patch(
    "/v1/integrations/{integration_id}",
    summary="Change an integration",
    response_model=Envelope[IntegrationDetails],
    responses=refusals(400, 404, 409, 413, 422),
)
async def change_integration(
    integration_id: str,
    caller: Annotated[Caller, allowed(Operation.INTEGRATIONS_WRITE)],
    body: Annotated[IntegrationChange, json_body(IntegrationChange, CHANGE_EXAMPLES)],
    state: State,
) -> JSONResponse:
    """Change what is given; configuration and credentials field by field.

    Sends and webhooks that this process takes from then on use it at once, in whichever worker; the other processes
    follow changes within milliseconds, or within `IRIS_LOOKUP_CACHE_TTL` while MongoDB's change stream is broken.
    """
    for _ in range(_MAX_TRIES):
        integration = await get_or_404(Integration, integration_id, caller, deleted=None)
        try:
            changed = await integration.change(_changes(state.provider_factory, integration, body))
        except DuplicateKeyError:
            raise _name_taken() from None
        if changed is not None:
            state.integrations.invalidate(integration_id)
            await write_audit(caller, "integration.changed", integration_id, body.named())
            return success(_details(state.provider_factory, changed), "Integración modificada")
    raise OverloadedError


@router.delete(
    "/v1/integrations/{integration_id}",
    summary="Delete an integration",
    response_model=Envelope[IntegrationDetails],
    responses=refusals(404),
)
async def delete_integration(
    integration_id: str, caller: Annotated[Caller, allowed(Operation.INTEGRATIONS_WRITE)], state: State
) -> JSONResponse:
    """Delete an integration: it sends nothing more, and no list shows it.

    Provider events about its messages are verified and applied for 30 days; then the integration is removed with its
    credentials. Interactions keep the name, channel and provider that they show of it.
    """
    for _ in range(_MAX_TRIES):
        integration = await get_or_404(Integration, integration_id, caller, deleted=None)
        deleted = await integration.change({"deleted": utc_now()})
        if deleted is not None:
            await Notification.cancel_all(caller.tenant, integration_id)
            state.integrations.invalidate(integration_id)
            await write_audit(caller, "integration.deleted", integration_id)
            return success(_details(state.provider_factory, deleted), "Integración eliminada")
    raise OverloadedError


@router.post(
    "/v1/integrations/{integration_id}/test",
    summary="Check the credentials with the provider",
    response_model=Envelope[CheckAnswer],
    responses=refusals(404),
)
async def check_integration(
    integration_id: str, caller: Annotated[Caller, allowed(Operation.INTEGRATIONS_WRITE)], factory: Factory
) -> JSONResponse:
    """Ask by calls that send nothing and cost nothing, within ten seconds; or say that there are none."""
    check = await _check(factory, await get_or_404(Integration, integration_id, caller, deleted=None))
    return success(CheckAnswer.of(check).on_the_wire(), "Integración comprobada")


def _made(factory: ProviderFactory, caller: Caller, asked: NewIntegration, key: str | None) -> Integration:
    """Create the requested integration.

    Raises:
        InvalidRequestError: with all problems of the request.
    """
    provider, channel = _chosen(asked)
    configuration, credentials = _merged({}, asked.configuration), _merged({}, asked.credentials)
    throttle = asked.throttle and _throttle(asked.throttle, provider, channel)
    _refuse(problems_of_settings(provider, configuration, credentials))
    vault = factory.vault
    return Integration(
        id=id_by_key("integration", caller, key),
        tenant=caller.tenant,
        name=asked.name,
        channel=channel,
        provider=provider.name,
        configuration=configuration,
        credentials=vault.encrypt(credentials),
        throttle=throttle,
        opt_out_confirmation=asked.opt_out_confirmation,
        at_least_once=asked.at_least_once,
        enabled=asked.enabled,
        fingerprint=vault.encrypt({"fingerprint": fingerprint(asked)}) if key else None,
    )


def _chosen(asked: NewIntegration) -> tuple[type[AnyProvider], Channel]:
    """The requested provider and channel.

    Raises:
        InvalidRequestError: if either is unknown, or the provider does not serve the channel.
    """
    if asked.channel not in list(Channel):
        raise _not_allowed("channel", list(Channel))
    channel = Channel(asked.channel)
    able = [name for name, provider in PROVIDERS.items() if channel in provider.channels]
    if asked.provider not in able:
        raise _not_allowed("provider", able)
    return PROVIDERS[asked.provider], channel


def _not_allowed(field: str, values: list[str]) -> InvalidRequestError:
    return InvalidRequestError([Problem(field=field, code="not_allowed", details={"allowed": ", ".join(values)})])


def _changes(factory: ProviderFactory, integration: Integration, asked: IntegrationChange) -> dict[str, Any]:
    """The fields to write for a change.

    Raises:
        InvalidRequestError: with all problems of the resulting settings.
    """
    plain = {"name": asked.name, "at_least_once": asked.at_least_once, "enabled": asked.enabled}
    changes: dict[str, Any] = {field: value for field, value in plain.items() if value is not None}
    provider = PROVIDERS.get(integration.provider)
    if provider is None:
        raise _not_allowed("provider", list(PROVIDERS))
    if "throttle" in asked.model_fields_set:
        throttle = asked.throttle and _throttle(asked.throttle, provider, integration.channel)
        changes["throttle"] = throttle and throttle.model_dump(by_alias=True)
    if "opt_out_confirmation" in asked.model_fields_set:
        confirmation = asked.opt_out_confirmation
        changes["opt_out_confirmation"] = confirmation and confirmation.model_dump(mode="json")
    if asked.configuration is None and asked.credentials is None:
        return changes
    vault = factory.vault
    configuration = _merged(integration.configuration, asked.configuration or {})
    credentials = _merged(_opened(factory, integration) or {}, asked.credentials or {})
    _refuse(problems_of_settings(provider, configuration, credentials))
    return {**changes, "configuration": configuration, "credentials": vault.encrypt(credentials)}


def _throttle(asked: Throttle, provider: type[AnyProvider], channel: Channel) -> Throttle:
    """The throttle to store: the provider's own limits if the request names none.

    Raises:
        InvalidRequestError: with all problems of the throttle.
    """
    throttle = provider.channels[channel].throttle if not asked.model_fields_set else None
    throttle = throttle or asked
    _refuse(problems_of_throttle(throttle, channel))
    return throttle


def _merged(current: Mapping[str, JsonValue], given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Merge the given fields; null removes one (RFC 7396, top level only)."""
    return {name: value for name, value in {**current, **given}.items() if value is not None}


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidRequestError(problems)


def _name_taken() -> InvalidRequestError:
    return InvalidRequestError([Problem(field="name", code="name_taken")])


def _opened(factory: ProviderFactory, integration: Integration) -> dict[str, JsonValue] | None:
    try:
        return factory.vault.decrypt(integration.credentials)
    except DecryptionError:
        return None


def _fingerprint(factory: ProviderFactory, ciphertext: str) -> str:
    return str(factory.vault.decrypt(ciphertext)["fingerprint"])


def _details(factory: ProviderFactory, integration: Integration) -> dict[str, JsonValue]:
    credentials = _opened(factory, integration)
    given = None if credentials is None else list(credentials)
    return IntegrationDetails.of(integration, given, factory.callback_url(integration)).on_the_wire()


_UNREACHABLE: Final = Check(
    ok=None,
    reason=both(
        "no existe, o está en una dirección a la que Iris no se conecta (IRIS_ALLOWED_NETWORKS)",
        "it does not exist, or is at an address that Iris does not connect to (IRIS_ALLOWED_NETWORKS)",
    ),
)
"""One answer for unknown hosts and forbidden addresses, so that it reveals no internal names."""


async def _check(factory: ProviderFactory, integration: Integration) -> Check:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_SECONDS):
            return await factory.create_uncached(integration).check()
    except MisconfiguredError:
        return Check(ok=False, reason=both("la configuración no es válida", "the configuration is not valid"))
    except ForbiddenAddressError:
        return _UNREACHABLE
    except TransientError as error:
        return _UNREACHABLE if NOT_REACHABLE in str(error) else Check(ok=None, reason=str(error))
    except TimeoutError:
        seconds = f"{_CHECK_TIMEOUT_SECONDS:.0f}"
        return Check(
            ok=None, reason=both(f"no respondió en {seconds} segundos", f"it did not answer within {seconds} seconds")
        )
