"""Routes for the webhook endpoint that receives an integration's events."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.auth.access import allowed, check_grant
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, check_same, id_by_key
from api.http.lookup import get_or_404, or_404
from api.http.openapi import refusals
from api.http.request_body import json_body
from api.schemas.endpoints import EndpointAnswer, EndpointRequest, RedeliveryAnswer, RedeliveryRequest
from api.state import IrisState, State
from domain.access import Caller, Operation
from domain.clock import utc_now
from domain.errors import InvalidRequestError
from domain.problems import Problem
from domain.signing import OVERLAP, new_secret
from domain.webhook_events import WebhookEventType, host_of, problems_of_subscriptions
from models.audit import write_audit
from models.endpoint import Endpoint
from models.integration import Integration
from models.notification import Notification, SuspendedHost
from settings import Environment
from temporal.notifications import begin_redelivery, redelivery_progress, wake_all
from workflows.messages import RedeliveryInput, RedeliveryProgress

router = APIRouter(tags=["notifications"])

_EXAMPLE: Final = {
    "Url": "https://crm.example.com/iris",
    "Subscriptions": ["*", "-INTERACTION_CUSTOMSTATUSCHANGED_EVT"],
}


@router.put(
    "/v1/integrations/{integration_id}/webhook",
    summary="Set the webhook endpoint",
    response_model=Envelope[EndpointAnswer],
    responses=refusals(400, 404, 413, 422),
)
@router.post(
    "/configuration/integration/{integration_id}/webhook",
    summary="Set the webhook endpoint (the vendor's own path)",
    response_model=Envelope[EndpointAnswer],
    responses=refusals(400, 404, 413, 422),
)
async def set_endpoint(
    integration_id: str,
    caller: Annotated[Caller, allowed(Operation.WEBHOOKS_WRITE)],
    body: Annotated[EndpointRequest, json_body(EndpointRequest, {"all": _EXAMPLE})],
    state: State,
) -> JSONResponse:
    """Send the events of the integration's interactions to this URL.

    Each event is a `POST` of `{"Event": …, "Created": …, "Payload": <the interaction>}`, signed by Standard Webhooks
    (https://www.standardwebhooks.com). The answer to the first call has the secret that verifies it, and no other has.
    `CONSENT_CHANGED_EVT`, whose `Payload` is a consent, and `STRATEGY_ENDED_EVT`, whose `Payload` is a run, are
    delivered only if they are named. A key must be allowed to
    read interactions itself, and consents to subscribe to them. Pending notifications are tried again at once.
    """
    check_grant(caller, "Url", _needed(body.subscriptions))
    integration = await get_or_404(Integration, integration_id, caller, deleted=None)
    problems = [*_url_problems(state, body.url), *problems_of_subscriptions(body.subscriptions)]
    if problems:
        raise InvalidRequestError(problems)
    await SuspendedHost.resume(caller.tenant, host_of(body.url))
    changes: dict[str, object] = {"url": body.url, "subscriptions": body.subscriptions, "updated": utc_now()}
    changed = await _change(state, integration, changes)
    if changed is not None:
        state.go_on(wake_all(state.temporal, caller.tenant, integration.id))
        await write_audit(caller, "webhook.changed", integration.id, ["Url", "Subscriptions"])
        return _shown(changed, "Webhook actualizado")
    secret, now = new_secret(), utc_now()
    endpoint = Endpoint(
        url=body.url,
        subscriptions=body.subscriptions,
        secret=state.provider_factory.vault.encrypt({"secret": secret}),
        created=now,
        updated=now,
    )
    await Integration.set_endpoint(integration.id, endpoint)
    state.integrations.invalidate(integration.id)
    await write_audit(caller, "webhook.created", integration.id, ["Url", "Subscriptions"])
    made = await get_or_404(Integration, integration_id, caller, deleted=None)
    return _shown(made, "Webhook creado", secret if made.endpoint == endpoint else None)


@router.get(
    "/v1/integrations/{integration_id}/webhook",
    summary="Read the webhook endpoint",
    response_model=Envelope[EndpointAnswer],
    responses=refusals(404),
)
async def read_endpoint(
    integration_id: str, caller: Annotated[Caller, allowed(Operation.WEBHOOKS_READ)]
) -> JSONResponse:
    """The endpoint, without its secret."""
    return _shown((await _with_endpoint(integration_id, caller))[0], "Webhook encontrado")


@router.delete(
    "/v1/integrations/{integration_id}/webhook",
    summary="Delete the webhook endpoint",
    response_model=Envelope[EndpointAnswer],
    responses=refusals(404),
)
async def remove_endpoint(
    integration_id: str, caller: Annotated[Caller, allowed(Operation.WEBHOOKS_WRITE)], state: State
) -> JSONResponse:
    """Deliver no more events of this integration; the notifications that are pending become `CANCELLED`."""
    integration, _ = await _with_endpoint(integration_id, caller)
    await Integration.set_endpoint(integration.id, None)
    state.integrations.invalidate(integration.id)
    await Notification.cancel_all(caller.tenant, integration.id)
    await write_audit(caller, "webhook.removed", integration.id)
    return success(None, "Webhook eliminado")


@router.post(
    "/v1/integrations/{integration_id}/webhook/rotate-secret",
    summary="Rotate the webhook secret",
    response_model=Envelope[EndpointAnswer],
    responses=refusals(404),
)
async def rotate_secret(
    integration_id: str, caller: Annotated[Caller, allowed(Operation.WEBHOOKS_WRITE)], state: State
) -> JSONResponse:
    """Sign with another secret from now on; for a day the one before it signs too, so that none is refused."""
    integration, endpoint = await _with_endpoint(integration_id, caller)
    secret, now = new_secret(), utc_now()
    changed = await _change(
        state,
        integration,
        {
            "secret": state.provider_factory.vault.encrypt({"secret": secret}),
            "former_secret": endpoint.secret,
            "former_until": now + OVERLAP,
            "updated": now,
        },
    )
    shown = _shown(or_404(changed), "Secreto renovado", secret)
    await write_audit(caller, "webhook.secret-rotated", integration.id)
    return shown


@router.post(
    "/v1/integrations/{integration_id}/webhook/redeliveries",
    summary="Redeliver events since a time",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[RedeliveryAnswer],
    responses=refusals(400, 404, 413, 422),
)
async def redeliver_since(
    integration_id: str,
    caller: Annotated[Caller, allowed(Operation.WEBHOOKS_WRITE)],
    body: Annotated[RedeliveryRequest, json_body(RedeliveryRequest, {"since": {"Since": "2026-11-27T12:00:00Z"}})],
    state: State,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Redeliver all stored notifications since a time, page by page; deliveries under way go on."""
    integration, endpoint = await _with_endpoint(integration_id, caller)
    redelivery = RedeliveryInput(
        redelivery_id=id_by_key("redelivery", caller, idempotency_key),
        tenant=caller.tenant,
        integration_id=integration.id,
        since=body.since,
        until=utc_now(),
    )
    await SuspendedHost.resume(caller.tenant, host_of(endpoint.url))
    await begin_redelivery(state.temporal, state.settings, redelivery)
    progress = RedeliveryProgress(since=body.since, until=redelivery.until)
    if idempotency_key is not None:
        progress = await _progress(state, integration, redelivery.redelivery_id)
        if (progress.since, progress.until) != (body.since, redelivery.until):
            check_same(progress.since.isoformat(), body.since.isoformat())
    await write_audit(caller, "webhook.redelivered", integration.id)
    answer = RedeliveryAnswer.of(redelivery.redelivery_id, progress).on_the_wire()
    return success(answer, "Reenvío iniciado", HTTPStatus.CREATED)


@router.get(
    "/v1/integrations/{integration_id}/webhook/redeliveries/{redelivery_id}",
    summary="Read the progress of a redelivery",
    response_model=Envelope[RedeliveryAnswer],
    responses=refusals(404),
)
async def read_redelivery(
    integration_id: str, redelivery_id: str, caller: Annotated[Caller, allowed(Operation.WEBHOOKS_READ)], state: State
) -> JSONResponse:
    """How far a redelivery has come."""
    integration = await get_or_404(Integration, integration_id, caller, deleted=None)
    progress = await _progress(state, integration, redelivery_id)
    return success(RedeliveryAnswer.of(redelivery_id, progress).on_the_wire(), "Reenvío encontrado")


def _needed(subscriptions: Sequence[str]) -> list[Operation]:
    consents = [Operation.CONSENTS_READ] if WebhookEventType.CONSENT_CHANGED in subscriptions else []
    return [Operation.INTERACTIONS_READ, *consents]


async def _progress(state: IrisState, integration: Integration, redelivery_id: str) -> RedeliveryProgress:
    return or_404(await redelivery_progress(state.temporal, integration.tenant, integration.id, redelivery_id))


async def _with_endpoint(integration_id: str, caller: Caller) -> tuple[Integration, Endpoint]:
    integration = await get_or_404(Integration, integration_id, caller, deleted=None)
    return integration, or_404(integration.endpoint, "webhook")


async def _change(state: IrisState, integration: Integration, changes: dict[str, object]) -> Integration | None:
    """Change the integration's endpoint; None if it has none."""
    changed = await Integration.change_endpoint(integration.id, changes)
    state.integrations.invalidate(integration.id)
    return changed


def _shown(integration: Integration, detail: str, secret: str | None = None) -> JSONResponse:
    answer = EndpointAnswer.of(integration, secret)
    return success(answer.on_the_wire() if answer else None, detail)


def _url_problems(state: IrisState, url: str) -> list[Problem]:
    """Problems of an endpoint URL: invalid, not HTTPS, or at an address that is not allowed."""
    schemes = ("https", "http") if state.settings.environment is Environment.DEVELOPMENT else ("https",)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return [Problem(field="Url", code="bad_url")]
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in schemes or not host or parts.username is not None or parts.fragment or not is_plain:
        return [Problem(field="Url", code="bad_url")]
    # Names are not resolved here: the answer would reveal internal names. Each delivery attempt resolves them.
    return [Problem(field="Url", code="forbidden_address")] if state.provider_factory.guard.forbids(host) else []
