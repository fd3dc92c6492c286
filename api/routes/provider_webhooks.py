"""Provider webhooks: verified, parsed, and signalled to the interactions they are about."""

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from api.http.envelope import failure
from api.http.request_body import BodyTimeout, check_storable, read_bytes
from api.routes.interactions.expected_users import expected_sender
from api.state import IrisState, State
from domain.clock import utc_now
from domain.errors import InvalidRequestError, NotFoundError
from domain.events import Identity, InboundMessage, ProviderEvent, ReceivedEvent, UnreadableItem, WebhookItem
from domain.identifiers import derived_id, new_id
from domain.inbound import ReceivedMessage
from domain.problems import Problem
from integrations.references import to_reference
from models.integration import Integration
from models.unmatched import UnmatchedEvent
from models.user import OwnedDestination, User
from models.webhook import SeenWebhook
from providers.base import AnyProvider, MisconfiguredError, UnreadableError, UnverifiedError, Webhook
from queries.correlation import InteractionRef, find_by_event
from support.metrics import count_unreadable, observe_webhook
from temporal.interactions import identification_workflow_id, identify, receive, signal_events

router = APIRouter(tags=["webhooks"])

Answer = TypeVar("Answer")

_LOG = logging.getLogger("iris.webhooks")
_LARGE_BODY_BYTES: Final = 65_536
"""Bytes above which a body is parsed in a thread; smaller ones take milliseconds."""
WEBHOOK_TIMEOUT: Final = BodyTimeout(seconds=5, bytes_per_second=500_000)
"""Short, since the sender is unknown until the signature is checked; long enough for a mail of 25 MB."""

_MAX_STORED_BODY: Final = 10_000
"""Characters stored of a webhook that could not be parsed."""


@router.post(
    "/webhooks/{provider}/{integration_id}",
    summary="Receive a provider's webhook",
    status_code=HTTPStatus.OK,
    response_class=Response,
    responses={
        401: {"description": "Not signed by the provider."},
        404: {"description": "No such integration."},
        503: {"description": "Too much at once, or a part of Iris does not answer: the provider shall repeat it."},
    },
)
async def take_webhook(provider: str, integration_id: str, request: Request, state: State) -> Response:
    """Receive a provider's reports about this integration's messages, and the messages of end users.

    Answered with an empty 200 once everything in it is passed on or kept: also when it is about nobody, because
    repeating it would not help.
    """
    integration = await _integration(state, provider, integration_id)
    opened = _opened(state, integration)
    limit = min(opened.max_webhook_bytes, state.settings.max_webhook_bytes)
    with state.body_bytes.acquire(integration.tenant, integration.id, amount=0) as slot:
        webhook = _webhook(request, await read_bytes(request, limit, slot, WEBHOOK_TIMEOUT), state)
        try:
            await _in_thread_if_large(opened.verify, webhook)
        except UnverifiedError as error:
            return _refuse(request, integration, error)
        with state.webhooks.acquire(integration.tenant, integration.id):
            return await _take_verified(state, request, integration, opened, webhook)


async def _take_verified(
    state: IrisState, request: Request, integration: Integration, opened: AnyProvider, webhook: Webhook
) -> Response:
    try:
        key = opened.nonce(webhook)
        await _refuse_repetition(integration, key)
        received = await _in_thread_if_large(opened.parse, webhook)
    except UnverifiedError as error:
        return _refuse(request, integration, error)
    except UnreadableError as error:
        await _keep_unreadable(integration, webhook.body, str(error))
        return Response(status_code=HTTPStatus.OK)
    await _pass_on(state, integration, received)
    if key is not None:
        # Only now: a provider retries a webhook that could not be passed on, and the retry must be accepted.
        await SeenWebhook.remember(integration.id, key)
    return Response(status_code=HTTPStatus.OK)


@router.get(
    "/webhooks/{provider}/{integration_id}",
    summary="Answer a provider's verification challenge",
    response_class=PlainTextResponse,
    responses={403: {"description": "It does not know the secret."}, 404: {"description": "No such integration."}},
)
async def answer_challenge(provider: str, integration_id: str, request: Request, state: State) -> Response:
    """Answer what the provider asks before it sends notifications here."""
    integration = await _integration(state, provider, integration_id)
    try:
        return PlainTextResponse(_opened(state, integration).challenge(dict(request.query_params)))
    except UnverifiedError as error:
        return _refuse(request, integration, error, HTTPStatus.FORBIDDEN)


async def _integration(state: IrisState, provider: str, integration_id: str) -> Integration:
    integration = await state.integrations.find(integration_id)
    if integration is None or integration.provider != provider.lower():
        raise NotFoundError([Problem(field="", code="not_found")])
    return integration


def _opened(state: IrisState, integration: Integration) -> AnyProvider:
    """The provider of an integration.

    Raises:
        MisconfiguredError: if this process cannot open it, an internal fault; the provider retries its webhook.
    """
    try:
        return state.provider_factory.open(integration)
    except MisconfiguredError:
        # Its credentials may just have been changed or re-encrypted.
        state.integrations.invalidate(integration.id)
        raise


async def _in_thread_if_large(read: Callable[[Webhook], Answer], webhook: Webhook) -> Answer:
    """Verify or parse a webhook; a large one in a thread, so that it does not block others."""
    return await asyncio.to_thread(read, webhook) if len(webhook.body) > _LARGE_BODY_BYTES else read(webhook)


async def _refuse_repetition(integration: Integration, key: str | None) -> None:
    if key is not None and await SeenWebhook.is_seen(integration.id, key):
        raise UnverifiedError("it was taken before")


def _refuse(
    request: Request, integration: Integration, error: Exception, status: HTTPStatus = HTTPStatus.UNAUTHORIZED
) -> Response:
    _LOG.warning("refused a webhook of integration %s: %s", integration.id, error)
    return failure(request, status, [Problem(field="", code="unverified")])


def _webhook(request: Request, body: bytes, state: IrisState) -> Webhook:
    query = f"?{request.url.query}" if request.url.query else ""
    return Webhook(
        # Not the request's own host: behind a proxy it is not the address that the provider called and signed. The
        # path is the original spelling, since that is what is signed.
        url=f"{state.settings.public_url.rstrip('/')}{request.scope['raw_path'].decode('ascii')}{query}",
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        received_at=utc_now(),
    )


async def _pass_on(state: IrisState, integration: Integration, received: Sequence[WebhookItem]) -> None:
    events: defaultdict[str, list[ReceivedEvent]] = defaultdict(list)
    interactions: dict[str, InteractionRef] = {}
    for item in received:
        if isinstance(item, InboundMessage):
            await _take_in(state, integration, item)
            continue
        if isinstance(item, UnreadableItem):
            await _keep_unreadable(integration, item.content.encode(), item.reason)
            continue
        observe_webhook(integration.channel, integration.provider, item.occurred_at, utc_now())
        await _identify(state, integration, item.aliases)
        found = await _about(state, integration, item)
        if not found and (item.reference or item.provider_message_id or item.up_to is None):
            await _keep_unmatched(integration, item)
        for interaction in found:
            interactions[interaction.id] = interaction
            events[interaction.id].append(ReceivedEvent(id=new_id(), received_at=utc_now(), event=item))
    for interaction_id, of_one in events.items():
        await signal_events(state.temporal, state.settings, interactions[interaction_id], of_one)


async def _identify(state: IrisState, integration: Integration, identities: Sequence[Identity]) -> None:
    """Assign all identities of a provider event to one user, if a user owns any of them and not yet all."""
    if len(identities) <= 1:
        return
    tenant, key = integration.tenant, identification_workflow_id(integration.tenant, identities)
    if state.identified.get(key):
        return
    owned = [OwnedDestination(kind=one.kind, value=one.value) for one in identities]
    owners = await User.owning(tenant, owned)
    known = {one.identity for owner in owners for one in owner.destinations}
    if len(owners) == 1 and all(one.identity in known for one in owned):
        state.identified.set(key, value=True)
    elif owners:
        await identify(state.temporal, state.settings, tenant, identities)


async def _about(state: IrisState, integration: Integration, event: ProviderEvent) -> list[InteractionRef]:
    """The interactions that an event is about; most are about a recent message and are found in the cache."""
    known = state.addressees.get(event.reference) if event.reference else None
    if known is not None and known.integration.integration_id == integration.id:
        return [known]
    found = await find_by_event(integration, event)
    if len(found) == 1 and found[0].id == event.reference:
        state.addressees.set(found[0].id, found[0])
    return found


async def _take_in(state: IrisState, integration: Integration, message: InboundMessage) -> None:
    try:
        check_storable(message.payload, nul_in_texts=True)
    except InvalidRequestError as error:
        await _keep_unreadable(integration, repr(message).encode("utf-8", "backslashreplace"), str(error))
        return
    inbound = _inbound(integration, message)
    await receive(state.temporal, state.settings, inbound, await expected_sender(inbound))


def _inbound(integration: Integration, message: InboundMessage) -> ReceivedMessage:
    return ReceivedMessage(
        interaction_id=derived_id("inbound", integration.id, message.provider_message_id),
        tenant=integration.tenant,
        integration=to_reference(integration),
        message=message,
        received_at=utc_now(),
    )


async def _keep_unmatched(integration: Integration, event: ProviderEvent) -> None:
    _LOG.warning("integration %s: an event %r about no interaction of ours", integration.id, event.provider_status)
    await UnmatchedEvent(
        id=UnmatchedEvent.id_of(integration.id, event.key),
        tenant=integration.tenant,
        integration_id=integration.id,
        reason="no interaction",
        event=event,
    ).insert_once()


async def _keep_unreadable(integration: Integration, body: bytes, reason: str) -> None:
    _LOG.warning("integration %s: a webhook that could not be read: %s", integration.id, reason)
    count_unreadable(integration.channel, integration.provider)
    text = body[:_MAX_STORED_BODY].decode("utf-8", "backslashreplace")
    await UnmatchedEvent(
        id=UnmatchedEvent.id_of(integration.id, hashlib.sha256(body).hexdigest()),
        tenant=integration.tenant,
        integration_id=integration.id,
        reason=f"unreadable: {reason}"[:500],
        body=text,
    ).insert_once()
