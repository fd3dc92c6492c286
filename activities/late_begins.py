"""Notifications whose workflows Temporal did not take in time: begun within seconds of when it takes them again."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from pymongo.errors import PyMongoError
from temporalio.service import RPCError

from models.notification import Notification

Begin = Callable[[Notification], Awaitable[None]]
"""Begins the workflow of a notification; one that runs goes on."""

RETRY_SECONDS: Final = 2.0
"""The wait between two tries to begin what is left."""

_PAGE_SIZE: Final = 100

_LOG = logging.getLogger("iris.notifications")


@dataclass(frozen=True, slots=True)
class LateBegins:
    """Begins what could not be begun at once; it is marked in MongoDB, so that any worker does, also after a restart.

    While nothing is late, MongoDB is not asked.

    Attributes:
        begin: begins a notification's workflow.
    """

    begin: Begin
    _is_late: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)

    async def add(self, notifications: Sequence[Notification]) -> None:
        """Begin these later; what cannot even be marked is left to the reconciliation."""
        try:
            await Notification.mark_unbegun([notification.id for notification in notifications])
        except PyMongoError as error:
            _LOG.warning("%d notifications wait for the reconciliation: %s", len(notifications), type(error).__name__)
        self._is_late.set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Begin what is late until the end of the block, first what earlier workers left."""
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
