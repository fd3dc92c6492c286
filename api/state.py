"""State of the API process for its routes."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from pymongo import AsyncMongoClient
from temporalio.client import Client

from api.auth.passwords import PasswordHashing
from api.limits.concurrency import ConcurrencyLimiter
from api.limits.request_rate import RequestRates
from domain.access import Caller
from integrations.cache import Integrations
from integrations.provider_factory import ProviderFactory
from queries.consents import Consents
from queries.correlation import InteractionRef
from queries.gate import Gate
from queries.reach import Reach
from queries.sending_rules import TenantRules
from security.signed_urls import FileUrls
from settings import Settings
from support.ttl_cache import TtlCache

_LOG = logging.getLogger("iris.api")


@dataclass(frozen=True, slots=True)
class IrisState:
    """Settings and open connections.

    Attributes:
        provider_factory: opens providers, to verify and read their webhooks.
        submissions: limits concurrent submissions.
        webhooks: limits concurrent webhooks with a valid signature.
        streams: limits concurrent event streams.
        uploads: limits concurrent uploads.
        body_bytes: limits the bytes of request bodies in memory.
        hashing: hashes passwords.
        file_urls: verifies the signed file URLs of providers.
        integrations: TTL cache of integrations.
        consents: what recipients take and refuse.
        rules: TTL cache of the tenants' rules for their sends.
        reach: to where messages may go by these rules.
        callers: TTL cache of callers, by the hash of the API key or by session.
        rates: rate limits of API keys.
        addressees: TTL cache of the interactions that provider events are about, by interaction id.
        identified: TTL cache of whether all identities of a provider event are one user's, by workflow id.
        aside: background tasks.
    """

    settings: Settings
    database: AsyncMongoClient[dict[str, Any]]
    temporal: Client
    provider_factory: ProviderFactory
    submissions: ConcurrencyLimiter
    webhooks: ConcurrencyLimiter
    streams: ConcurrencyLimiter
    body_bytes: ConcurrencyLimiter
    hashing: PasswordHashing
    uploads: ConcurrencyLimiter
    file_urls: FileUrls
    integrations: Integrations
    consents: Consents
    rules: TenantRules
    reach: Reach
    callers: TtlCache[Caller]
    rates: RequestRates
    addressees: TtlCache[InteractionRef]
    identified: TtlCache[bool]
    aside: set[asyncio.Future[None]] = field(default_factory=set[asyncio.Future[None]])

    @property
    def gate(self) -> Gate:
        """What decides whether messages may go."""
        return Gate(self.consents, self.rules, self.reach)

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background; its errors are logged."""
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


async def _factory_of(state: State) -> ProviderFactory:
    return state.provider_factory


async def _callers_of(state: State) -> TtlCache[Caller]:
    return state.callers


Factory = Annotated[ProviderFactory, Depends(_factory_of)]
CallerCache = Annotated[TtlCache[Caller], Depends(_callers_of)]
"""The cache of callers; a route clears it after a change to accounts, keys, sessions or tenants."""
