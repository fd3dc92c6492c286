"""What providers tell us: verified, read, and passed on to the interactions it is about."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.bodies import read_bytes
from api.engine import tell
from api.envelope import failure
from api.state import IrisState, State
from domain.clock import utc_now
from domain.errors import NotFoundError
from domain.events import HeardNews, InboundMessage, News, ProviderEvent
from domain.identifiers import new_id
from domain.problems import Problem
from models.integration import Integration
from models.interaction import Interaction
from models.unmatched import UnmatchedNews
from providers.base import MisconfiguredError, UnreadableError, UnverifiedError, Webhook

router = APIRouter(tags=["webhooks"])

_LOG = logging.getLogger("iris.webhooks")
_KEPT_BODY: Final = 10_000
"""Characters that are kept of a webhook that could not be read."""


@router.post(
    "/webhooks/{provider}/{integration_id}",
    summary="Take a provider's notification",
    status_code=HTTPStatus.OK,
    response_class=Response,
    responses={401: {"description": "Not signed by the provider."}, 404: {"description": "No such integration."}},
)
async def take_webhook(provider: str, integration_id: str, request: Request, state: State) -> Response:
    """Take what a provider tells of this integration's messages.

    Answered with an empty 200 once everything in it is passed on or kept: also when it is about nobody, because
    repeating it would not help.
    """
    body = await read_bytes(request, state.settings.largest_body)
    integration = await Integration.find_one({"_id": integration_id, "provider": provider})
    if integration is None:
        raise NotFoundError([Problem(field="", code="not_found")])
    try:
        events = _read(state, integration, _webhook(request, body, state))
    except UnverifiedError as error:
        _LOG.warning("refused a webhook of integration %s: %s", integration.id, error)
        return failure(request, HTTPStatus.UNAUTHORIZED, [Problem(field="", code="unverified")])
    except UnreadableError as error:
        await _keep_unreadable(integration, body, str(error))
        return Response(status_code=HTTPStatus.OK)
    await _pass_on(state, integration, events)
    return Response(status_code=HTTPStatus.OK)


def _webhook(request: Request, body: bytes, state: IrisState) -> Webhook:
    query = f"?{request.url.query}" if request.url.query else ""
    return Webhook(
        # Not the request's own host: behind a proxy that is not the address that the provider called and signed.
        url=f"{state.settings.public_url.rstrip('/')}{request.url.path}{query}",
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        received_at=utc_now(),
    )


def _read(state: IrisState, integration: Integration, webhook: Webhook) -> Sequence[News]:
    try:
        provider = state.opener.open(integration)
    except MisconfiguredError as error:
        raise UnverifiedError("the integration is misconfigured") from error
    provider.verify(webhook)
    return provider.parse(webhook)


async def _pass_on(state: IrisState, integration: Integration, heard: Sequence[News]) -> None:
    news: defaultdict[str, list[HeardNews]] = defaultdict(list)
    interactions: dict[str, Interaction] = {}
    for event in heard:
        if isinstance(event, InboundMessage):
            continue
        interaction = await _interaction_of(integration, event)
        if interaction is None:
            await _keep_unmatched(integration, event)
            continue
        interactions[interaction.id] = interaction
        news[interaction.id].append(HeardNews(id=new_id(), heard_at=utc_now(), event=event))
    for interaction_id, told in news.items():
        await tell(state.temporal, state.settings, interactions[interaction_id], told)


async def _interaction_of(integration: Integration, event: ProviderEvent) -> Interaction | None:
    """The integration's interaction that an event is about: by our reference, else by the provider's id."""
    scope = {"tenant": integration.tenant, "integration.integration_id": integration.id}
    if event.reference is not None:
        found = await Interaction.find_one({"_id": event.reference, **scope})
        if found is not None:
            return found
    if event.provider_message_id is not None:
        return await Interaction.find_one({"provider_message_ids": event.provider_message_id, **scope})
    return None


async def _keep_unmatched(integration: Integration, event: ProviderEvent) -> None:
    _LOG.warning("integration %s: an event %r about no interaction of ours", integration.id, event.word)
    await UnmatchedNews(
        tenant=integration.tenant, integration_id=integration.id, reason="no interaction", event=event
    ).insert()


async def _keep_unreadable(integration: Integration, body: bytes, reason: str) -> None:
    _LOG.warning("integration %s: a webhook that could not be read: %s", integration.id, reason)
    text = body[:_KEPT_BODY].decode("utf-8", "backslashreplace")
    await UnmatchedNews(
        tenant=integration.tenant, integration_id=integration.id, reason=f"unreadable: {reason}"[:500], body=text
    ).insert()
