"""Late starts of notification workflows that Temporal did not accept in time."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from pymongo.errors import PyMongoError
from temporalio.service import RPCError

from models.notification import Begin, Notification

RETRY_SECONDS: Final = 2.0
"""Wait between two tries to start the remaining workflows."""

_PAGE_SIZE: Final = 100

_LOG = logging.getLogger("iris.notifications")


@dataclass(frozen=True, slots=True)
class LateBegins:
    """Starts late workflows within seconds of when Temporal accepts them again.

    Their notifications are marked in MongoDB, so that any worker starts them, also after a restart. While none is late,
    MongoDB is not queried.

    Attributes:
        begin: starts a notification's workflow.
    """

    begin: Begin
    _is_late: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)

    async def add(self, notifications: Sequence[Notification]) -> None:
        """Start these later; notifications that cannot be marked are left to the reconciliation."""
        try:
            await Notification.mark_unbegun([notification.id for notification in notifications])
        except PyMongoError as error:
            _LOG.warning("%d notifications wait for the reconciliation: %s", len(notifications), type(error).__name__)
        self._is_late.set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Start late workflows until the end of the block, first those that earlier workers left."""
        self._is_late.set()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()

    async def _run(self) -> None:
        while True:
            await self._is_late.wait()
            self._is_late.clear()
            try:
                await self._begin_all()
            except (PyMongoError, RPCError, TimeoutError) as error:
                _LOG.info("notifications are still begun later: %s", type(error).__name__)
                self._is_late.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def _begin_all(self) -> None:
        while page := await Notification.unbegun_page(_PAGE_SIZE):
            for notification in page:
                await self.begin(notification)
                await Notification.unmark_unbegun(notification.id)
