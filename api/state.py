"""What the API's process holds open, for its routes."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from pymongo import AsyncMongoClient
from temporalio.client import Client

from api.limits import ConcurrencyLimiter
from api.passwords import PasswordHashing
from api.rates import RequestRates
from domain.access import Caller
from integrations import Integrations, ProviderFactory
from models.correlation import InteractionRef
from security.signed_urls import FileLinks
from settings import Settings
from ttl_cache import TtlCache

_LOG = logging.getLogger("iris.api")


@dataclass(frozen=True, slots=True)
class IrisState:
    """Settings and open connections.

    Attributes:
        opener: opens providers, to verify and read their webhooks.
        submissions: limits the submissions that are worked on at once.
        webhooks: the same of webhooks whose signature is right.
        streams: the same of streams of events.
        uploads: the same of uploads.
        body_bytes: limits the bytes of request bodies that are held at once.
        hashing: hashes passwords.
        file_links: reads the links that providers follow to files.
        integrations: found, and kept for a while.
        callers: by the hash of their API key or by their session, kept for a while.
        rates: of the requests of API keys.
        addressees: of news, by interaction id.
        identified: whether everything by which a provider knows somebody is one user's, by the id of its workflow.
        aside: what is done while nobody waits for it.
    """

    settings: Settings
    database: AsyncMongoClient[dict[str, Any]]
    temporal: Client
    opener: ProviderFactory
    submissions: ConcurrencyLimiter
    webhooks: ConcurrencyLimiter
    streams: ConcurrencyLimiter
    body_bytes: ConcurrencyLimiter
    hashing: PasswordHashing
    uploads: ConcurrencyLimiter
    file_links: FileLinks
    integrations: Integrations
    callers: TtlCache[Caller]
    rates: RequestRates
    addressees: TtlCache[InteractionRef]
    identified: TtlCache[bool]
    aside: set[asyncio.Future[None]] = field(default_factory=set[asyncio.Future[None]])

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something while nobody waits for it; what it cannot do is logged."""
        task = asyncio.create_task(work)
        self.aside.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Future[None]) -> None:
        self.aside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.warning("something that nobody waited for failed: %s", type(error).__name__)


async def state_of(request: Request) -> IrisState:
    """The state of the process that serves a request."""
    return request.app.state.iris


State = Annotated[IrisState, Depends(state_of)]
