"""Connections of a process to MongoDB, Temporal and HTTP, as typed context managers."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

import httpx2
import pymongo.lock
from beanie import init_beanie  # pyright: ignore[reportUnknownVariableType] - Beanie leaves its database untyped
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client, TLSConfig
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
)
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from models import DOCUMENTS
from models.indexes import build_indexes
from providers import PROVIDERS
from queries.server import require_replica_set
from security.payload_codec import Encrypted
from security.ssrf_guard import AddressGuard, GuardedTransport
from security.trusted_authorities import trusted_authorities
from settings import Settings
from workflows import attributes

_Result = TypeVar("_Result")


async def _wait_for(awaitable: Awaitable[_Result], seconds: float | None) -> _Result:
    async with asyncio.timeout(seconds):
        return await awaitable


if sys.version_info < (3, 12):
    # Python 3.11's own waits in a second task, which it abandons if cancelled just as the wait times out: that
    # task then holds the lock of the driver's pool for ever, and every operation hangs. This is how Python 3.12
    # waits (https://github.com/python/cpython/issues/96764).
    pymongo.lock.wait_for = _wait_for  # pyright: ignore[reportPrivateImportUsage] - mended in its own module


@asynccontextmanager
async def mongodb(settings: Settings) -> AsyncGenerator[AsyncMongoClient[dict[str, Any]]]:
    """Connect to MongoDB, bind our documents and build their indexes.

    Raises:
        queries.server.UnusableServerError: if it does not answer within five seconds, or is not a replica set.
        pymongo.errors.PyMongoError: if an index cannot be built.
    """
    async with mongodb_client(settings) as client:
        # Building indexes may take hours, and would otherwise wait that long for a server.
        await require_replica_set(client, settings.mongodb_uri.get_secret_value())
        database = client[settings.mongodb_database]
        await build_indexes(database, DOCUMENTS)
        await bind_documents(database)
        yield client


async def bind_documents(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Bind our documents to their collections in a database."""
    await init_beanie(database=database, document_models=list(DOCUMENTS), skip_indexes=True)


@asynccontextmanager
async def mongodb_client(settings: Settings) -> AsyncGenerator[AsyncMongoClient[dict[str, Any]]]:
    """A MongoDB client without bound documents."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongodb_uri.get_secret_value(),
        tz_aware=True,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=3_000,
        timeoutMS=7_000,
        appname="iris",
    )
    try:
        yield client
    finally:
        await client.close()


async def connect_temporal(settings: Settings, runtime: Runtime | None = None) -> Client:
    """Connect to Temporal: plain on loopback, with mutual TLS or an API key (which implies TLS) elsewhere.

    Args:
        settings: its address and credentials.
        runtime: the SDK runtime; the process's default if None.

    Raises:
        RuntimeError: if it does not answer.
    """
    api_key = settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        api_key=api_key,
        tls=_tls(settings),
        data_converter=data_converter(settings),
        runtime=runtime,
    )


def sdk_runtime(metrics_address: str | None = None) -> Runtime:
    """Create an SDK runtime that logs through this process's loggers, which is not the default.

    Args:
        metrics_address: `host:port` where the SDK serves its Prometheus metrics, if any.
    """
    logging_config = LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(logger=logging.getLogger("temporalio.core")),
    )
    metrics = PrometheusConfig(bind_address=metrics_address) if metrics_address else None
    return Runtime(telemetry=TelemetryConfig(logging=logging_config, metrics=metrics))


def collect_rarely() -> None:
    """Run Python's cyclic garbage collector less often, and never on what is already loaded (docs/decisions/0006).

    Under load it would scan everything every few seconds, which blocks the process for 0.2 s.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


_SHARED: Final = PydanticPayloadConverter()


class _PayloadConverter(CompositePayloadConverter):
    """Temporal's pydantic payload converter, with a shared cache of type adapters.

    The SDK creates a converter for each workflow and each of its tasks, each with an empty cache.
    """

    def __init__(self) -> None:
        """Share all encoding converters."""
        super().__init__(*_SHARED.converters.values(), Encrypted())


def data_converter(settings: Settings) -> DataConverter:
    """The data converter, which encrypts payloads, error messages and stack traces if there are keys."""
    codec = settings.payload_codec()
    converter = DataConverter(payload_converter_class=_PayloadConverter)
    if codec is None:
        return converter
    return replace(converter, payload_codec=codec, failure_converter_class=DefaultFailureConverterWithEncodedAttributes)


def _tls(settings: Settings) -> TLSConfig | bool:
    if settings.temporal_tls_cert is None and settings.temporal_tls_ca is None:
        return settings.temporal_api_key is not None
    return TLSConfig(
        client_cert=settings.temporal_tls_cert.read_bytes() if settings.temporal_tls_cert else None,
        client_private_key=settings.temporal_tls_key.read_bytes() if settings.temporal_tls_key else None,
        server_root_ca_cert=settings.temporal_tls_ca.read_bytes() if settings.temporal_tls_ca else None,
    )


async def register_search_attributes(client: Client) -> None:
    """Register our search attributes in the namespace; does nothing if they exist.

    Raises:
        temporalio.service.RPCError: if they are missing and cannot be added; on Temporal Cloud they are added in its
            own console.
    """
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(request)
    missing = {
        key.name: IndexedValueType.ValueType(key.indexed_value_type)
        for key in attributes.KEYS
        if key.name not in known.custom_attributes
    }
    if not missing:
        return
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
    )


@asynccontextmanager
async def http_clients(guard: AddressGuard, connections: int) -> AsyncGenerator[Mapping[str, httpx2.AsyncClient]]:
    """HTTP clients by provider name; a provider that never answers takes no connections of another."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(http_client(guard, connections)) for name in PROVIDERS}


def http_client(guard: AddressGuard, connections: int = 100) -> httpx2.AsyncClient:
    """HTTP client with the SSRF guard and timeouts, without redirects or proxies from the environment."""
    timeout = httpx2.Timeout(connect=5.0, read=30.0, write=10.0, pool=5.0)
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=50, keepalive_expiry=30.0)
    transport = GuardedTransport(guard, limits, trusted_authorities())
    return httpx2.AsyncClient(
        headers={"Accept-Encoding": "identity"},  # avoids decompression bombs
        timeout=timeout,
        transport=transport,
        follow_redirects=False,
        trust_env=False,
    )
