"""Cache of integrations, which follows the changes of other processes."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from pymongo.errors import PyMongoError

from models.integration import Integration
from support.ttl_cache import TtlCache

_LOG = logging.getLogger("iris.integrations")

_REOPEN_WAIT: Final = 1.0
"""Seconds until a broken change stream is reopened."""


class Integrations:
    """TTL cache of integrations; disabled or deleted ones are not cached, so that no request is refused by stale data.

    Within `following`, changes by other processes invalidate entries. The TTL bounds the age of an entry while the
    change stream is broken.
    """

    def __init__(self, ttl: timedelta) -> None:
        """Cache each integration for `ttl`."""
        self._cache: TtlCache[Integration] = TtlCache(ttl)
        # Longer than the entries: a read during a change may cache the old version.
        self._versions: TtlCache[int] = TtlCache(2 * ttl)

    @asynccontextmanager
    async def following(self) -> AsyncGenerator[None]:
        """Follow the changes of other processes until the end of the block."""
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            # The driver may answer a cancellation with an error of its own, such as a timeout of what it cleans up.
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_REOPEN_WAIT)

    async def find(self, integration_id: str, version: int = 0) -> Integration | None:
        """Find an integration of any tenant, also a deleted one; None if there is none.

        Args:
            integration_id: its id.
            version: the version that the caller knows of; an older cached one is reloaded.
        """
        cached = self._cache.get(integration_id)
        if cached is not None and cached.version >= max(version, self._versions.get(integration_id) or 0):
            return cached
        found = await Integration.find_one({"_id": integration_id})
        if found is not None and found.enabled and found.deleted is None:
            self._cache.set(integration_id, found)
        else:
            self.invalidate(integration_id)
        return found

    async def of_tenant(self, integration_id: str, tenant: str, version: int = 0) -> Integration | None:
        """Like `find`, for an integration of a tenant; None if it does not exist or is deleted."""
        found = await self.find(integration_id, version)
        return found if found is not None and found.tenant == tenant and found.deleted is None else None

    async def read(self, integration_id: str, tenant: str) -> Integration | None:
        """Like `of_tenant`, bypassing the cache."""
        self.invalidate(integration_id)
        return await self.of_tenant(integration_id, tenant)

    def invalidate(self, integration_id: str) -> None:
        """Remove an integration from the cache after a change."""
        self._cache.invalidate(integration_id)

    def _apply(self, change: Mapping[str, Any]) -> None:
        integration_id, version = Integration.changed_version(change)
        self._versions.set(integration_id, version)
        self.invalidate(integration_id)

    async def _follow(self) -> None:
        while True:
            try:
                async with await Integration.watch() as changes:
                    # Earlier changes are in no event.
                    self._cache.clear()
                    while changes.alive:
                        # `async for` would have the client's timeout for all the time in which nothing changes.
                        change = await changes.try_next()
                        if change is not None:
                            self._apply(change)
            except PyMongoError as error:
                _LOG.warning("changes of integrations are noticed late: %s", type(error).__name__)
            await asyncio.sleep(_REOPEN_WAIT)
