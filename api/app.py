"""FastAPI application factory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache, partial
from typing import Final

from fastapi import FastAPI

from api.auth.passwords import PasswordHashing
from api.http import documentation
from api.http.errors import add_error_handlers
from api.http.middleware import add_middleware
from api.http.openapi import complete, operation_id
from api.http.parameters import CHECK_PARAMETERS
from api.limits.concurrency import AdaptiveLimiter, ConcurrencyLimiter
from api.limits.request_rate import RequestRates
from api.routes import (
    accounts,
    api_keys,
    attachments,
    audit,
    consent_export,
    consents,
    endpoints,
    health,
    integrations,
    metrics,
    notifications,
    processes,
    provider_webhooks,
    reach,
    sending_rules,
    sessions,
    strategies,
    strategy_dry_run,
    strategy_runs,
    templates,
    tenants,
    unsubscribing,
    user_tasks,
    users,
)
from api.routes.interactions import (
    cancelling,
    events,
    explaining,
    rescheduling,
    resending,
    search,
    sending,
    waiting,
)
from api.state import IrisState
from bootstrap import connect_temporal, http_clients, mongodb
from integrations.cache import Integrations
from integrations.provider_factory import ProviderFactory
from queries.consent_events import ConsentEvents
from queries.consents import Consents
from queries.reach import Reach
from queries.sending_rules import TenantRules
from security.credential_encryption import Vault
from settings import Settings
from support.ttl_cache import TtlCache
from temporal.notifications import begin as begin_notification
from wire.consents import ConsentAnswer

MAX_CACHED_INTERACTION_REFS: Final = timedelta(minutes=10)
"""TTL of cached interaction references; most receipts arrive within this time of the submission."""

MAX_CONCURRENT_LARGE_BODIES: Final = 4
"""Request bodies of the maximum size that a process holds in memory at once."""

MAX_CONCURRENT_UPLOADS: Final = 50
"""Uploads at once; each holds a chunk of its file in memory and, intermittently, a connection to MongoDB."""

DESCRIPTION: Final = """One call to send a message through any channel and any provider.

Every message is a durable workflow: it is validated, handed to its provider, and followed until its last receipt.
Every answer has the same envelope; `error` names each field that is wrong, and what would be right."""


# Routes are matched in order, so the most frequent ones are first.
_ROUTES: Final = (
    sending,
    provider_webhooks,
    search,
    cancelling,
    rescheduling,
    waiting,
    resending,
    explaining,
    users,
    endpoints,
    events,
    notifications,
    user_tasks,
    consent_export,
    consents,
    sending_rules,
    reach,
    sessions,
    accounts,
    api_keys,
    audit,
    health,
    metrics,
    integrations,
    attachments,
    processes,
    tenants,
    templates,
    strategy_runs,
    strategy_dry_run,
    strategies,
    unsubscribing,
    documentation,
)


def create_app(settings: Settings) -> FastAPI:
    """Create the API; it connects to MongoDB and Temporal when it starts to serve."""
    app = FastAPI(
        title="Iris",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=partial(_serving, settings),
        redirect_slashes=False,
        docs_url=None,
        generate_unique_id_function=operation_id,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    add_middleware(app, only_https=settings.public_url.startswith("https://"), cors_origins=settings.cors_origins)
    for module in _ROUTES:
        is_called_by_others = module in {provider_webhooks, unsubscribing}
        app.include_router(module.router, dependencies=[] if is_called_by_others else [CHECK_PARAMETERS])
    add_error_handlers(app)
    describe = app.openapi
    app.openapi = cache(lambda: complete(describe(), app.routes))
    return app


@asynccontextmanager
async def _serving(settings: Settings, app: FastAPI) -> AsyncGenerator[None]:
    """Hold what the routes use while the API serves."""
    guard = settings.address_guard()
    integrations_cache = Integrations(settings.lookup_cache_ttl)
    rules = TenantRules(settings.lookup_cache_ttl)
    async with (
        mongodb(settings) as database,
        http_clients(guard, settings.max_concurrent_sends_per_provider) as http,
        integrations_cache.following(),
    ):
        vault = Vault(settings.vault_keys())
        temporal = await connect_temporal(settings)
        begin = partial(begin_notification, temporal, settings)
        app.state.iris = IrisState(
            settings=settings,
            database=database,
            temporal=temporal,
            provider_factory=ProviderFactory(vault=vault, http=http, public_url=settings.public_url, guard=guard),
            submissions=AdaptiveLimiter(settings.max_concurrent_submissions),
            webhooks=AdaptiveLimiter(settings.max_concurrent_webhooks),
            streams=ConcurrencyLimiter(settings.max_concurrent_streams),
            body_bytes=ConcurrencyLimiter(settings.max_webhook_bytes * MAX_CONCURRENT_LARGE_BODIES),
            uploads=ConcurrencyLimiter(MAX_CONCURRENT_UPLOADS),
            hashing=PasswordHashing(),
            file_urls=settings.file_urls(),
            integrations=integrations_cache,
            consents=Consents(ConsentEvents(begin, ConsentAnswer.shown)),
            rules=rules,
            reach=Reach(rules),
            callers=TtlCache(settings.lookup_cache_ttl),
            rates=RequestRates(settings.requests_per_second),
            addressees=TtlCache(MAX_CACHED_INTERACTION_REFS),
            identified=TtlCache(MAX_CACHED_INTERACTION_REFS),
        )
        yield
