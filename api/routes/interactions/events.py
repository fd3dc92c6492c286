"""Server-sent events about a tenant's interactions.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from api.auth.access import allowed, is_still_allowed
from api.http.envelope import Envelope
from api.http.streaming import HoldingResponse
from api.state import State
from domain.access import Caller, Operation
from domain.errors import InvalidRequestError
from domain.identifiers import Id
from domain.problems import Problem
from domain.webhook_events import INTERACTION_EVENTS, InteractionEventType, WebhookEventType
from queries.change_stream import (
    Changes,
    InvalidResumeTokenError,
    ResumeTokenExpiredError,
    events_of,
    resume_token_text,
    watch,
)
from wire.interactions import InteractionAnswer

router = APIRouter(tags=["notifications"])

HEARTBEAT: Final = 15.0
"""Seconds without events until a heartbeat with the current position; proxies close silent connections."""

_OPERATION: Final = Operation.INTERACTIONS_READ

_PLACE: Final = re.compile(r"[0-9A-F]{2,1000}")

_DESCRIBED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events until the connection, key or token ends; `data` is the body of a webhook delivery.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    401: {"model": Envelope, "description": "No valid API key or token."},
    403: {"model": Envelope, "description": "The account or key may not do this."},
    410: {
        "model": Envelope,
        "description": "What followed `Last-Event-ID` is not known any more.",
    },
    422: {"model": Envelope, "description": "A filter or `Last-Event-ID` is not valid."},
    429: {"model": Envelope, "description": "Too many requests; repeat after Retry-After seconds."},
    503: {"model": Envelope, "description": "A part of Iris does not answer, or too many streams are open."},
}


@router.get("/v1/events", summary="Stream events", response_class=StreamingResponse, responses=_DESCRIBED)
async def stream_events(  # noqa: PLR0913 - one parameter for each filter
    request: Request,
    caller: Annotated[Caller, allowed(_OPERATION)],
    state: State,
    *,
    integration_id: Annotated[Id | None, Query(alias="integrationId")] = None,
    event: Annotated[list[InteractionEventType] | None, Query(description="Only these; repeat it for several.")] = None,
    last_event_id: Annotated[
        str | None, Header(description="The `id` of the last event that was seen: go on after it.")
    ] = None,
) -> StreamingResponse:
    """The events of the tenant's interactions as server-sent events, each with the body of a webhook delivery.

    A reader that comes again with `Last-Event-ID`, as browsers do by themselves, misses nothing and may see some twice.
    It ends within seconds of the key, the session or the account that reads it.
    """
    if last_event_id and not _PLACE.fullmatch(last_event_id):
        raise InvalidRequestError([Problem(field="Last-Event-ID", code="bad_event_id")])
    async with AsyncExitStack() as stack:
        stack.enter_context(state.streams.acquire(caller.tenant))
        changes = await stack.enter_async_context(_watching(caller.tenant, integration_id, last_event_id or None))
        frames = _frames(request, changes, frozenset(event or INTERACTION_EVENTS))
        return HoldingResponse(frames, stack.pop_all(), "text/event-stream", {"X-Accel-Buffering": "no"})


@asynccontextmanager
async def _watching(tenant: str, integration_id: str | None, place: str | None) -> AsyncGenerator[Changes]:
    try:
        changes = await watch(tenant, integration_id, place)
    except ResumeTokenExpiredError as error:
        raise InvalidRequestError([Problem(field="Last-Event-ID", code="events_expired")]) from error
    except InvalidResumeTokenError as error:
        raise InvalidRequestError([Problem(field="Last-Event-ID", code="bad_event_id")]) from error
    try:
        yield changes
    finally:
        await changes.close()


async def _frames(request: Request, changes: Changes, events: Collection[WebhookEventType]) -> AsyncIterator[str]:
    stopping: asyncio.Event = getattr(request.state, "stopping", asyncio.Event())
    clock = asyncio.get_running_loop()
    quiet_since = clock.time()
    yield f"retry: 1000\nid: {resume_token_text(changes.resume_token)}\n\n"
    while not stopping.is_set():
        change = await changes.try_next()
        if not await is_still_allowed(request, _OPERATION):
            return  # before the new events are sent
        frames = [] if change is None else await _frames_of(change, events)
        if frames:
            # Only the last event has the position: a client that lost the others receives all of them again.
            frames[-1] = f"id: {resume_token_text(changes.resume_token)}\n{frames[-1]}"
            quiet_since = clock.time()
            for frame in frames:
                yield frame
        elif clock.time() - quiet_since > HEARTBEAT:
            quiet_since = clock.time()
            yield f": alive\nid: {resume_token_text(changes.resume_token)}\n\n"
        elif not changes.alive:
            return


async def _frames_of(change: dict[str, Any], events: Collection[WebhookEventType]) -> list[str]:
    frames: list[str] = []
    for published in await events_of(change):
        if published.event in events:
            body = published.body(InteractionAnswer.of(published.interaction).on_the_wire())
            data = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
            frames.append(f"event: {published.event}\ndata: {data}\n\n")
    return frames
