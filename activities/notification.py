"""Delivery of notifications to tenants' endpoints: one attempt, and its result."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import httpx2
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.bulkheads import KeyedLimiter, LimitExceededError
from activities.internal_faults import QUICK_RETRIES, InternalFaults
from activities.notification_interfaces import (
    DeliverInput,
    DeliveryResult,
    NotificationActivities,
    RedeliveredPage,
    RedeliverInput,
)
from activities.publishing import Show, body_now
from domain.clock import utc_now
from domain.faults import FaultKind
from domain.outcomes import cut
from domain.signing import signature_headers
from domain.webhook_events import NotificationState, backoff, host_of, suspends_host
from integrations.cache import Integrations
from models.endpoint import Endpoint
from models.interaction import Interaction
from models.notification import Attempt, Begin, Notification, SuspendedHost
from security.credential_encryption import DecryptionError, Vault
from security.ssrf_guard import ForbiddenAddressError

MAX_READ_BYTES: Final = 65_536
"""Bytes of an answer that are read, so that its connection can be reused; the content is ignored."""

_AFTER_FAULTS: Final = timedelta(minutes=10)
"""Wait after `QUICK_RETRIES` internal faults, which do not count as attempts."""

_DELIVERED: Final = range(200, 300)
"""HTTP statuses that count as delivered; the vendor's text names 200 only."""


@dataclass(frozen=True, slots=True)
class HttpNotifications(NotificationActivities):
    """Notifications by HTTP.

    Attributes:
        http: client that refuses internal addresses and follows no redirects.
        vault: decrypts the secrets that sign.
        limiter: limits the attempts in flight to each host.
        show: renders an interaction for a notification.
        begin: starts a notification's workflow.
        timeout: maximum duration of an attempt.
        faults: reports the faults of this worker.
    """

    http: httpx2.AsyncClient
    vault: Vault
    integrations: Integrations
    limiter: KeyedLimiter
    show: Show
    begin: Begin
    timeout: timedelta
    faults: InternalFaults

    @activity.defn
    async def deliver(self, delivery: DeliverInput) -> DeliveryResult:
        """Make one delivery attempt, unless the host is suspended, and record its result."""
        notification = await Notification.find_one({"_id": delivery.notification_id})
        if notification is None or notification.state is not NotificationState.PENDING:
            return DeliveryResult(state=notification.state if notification else NotificationState.CANCELLED)
        if notification.was_tried_at(delivery.at):
            # An earlier try of this activity died before it could report its result.
            return DeliveryResult(state=notification.state, next_attempt=notification.next_attempt)
        endpoint = await self._endpoint(notification)
        if endpoint is None:
            await Notification.conclude(notification.id, NotificationState.CANCELLED)
            return DeliveryResult(state=NotificationState.CANCELLED)
        host = host_of(endpoint.url)
        suspended_until = await SuspendedHost.until_when(notification.tenant, host, delivery.at)
        if suspended_until is not None:
            return await _postpone(delivery, suspended_until)
        try:
            secrets = self._secrets(endpoint)
        except DecryptionError as error:
            return await self._after_fault(delivery, notification.integration_id, error)
        notification = await self._as_shown(notification)
        try:
            with self.limiter.slot(f"{notification.tenant} {host}"):
                attempt = await self._attempt(notification, endpoint.url, secrets, delivery)
        except LimitExceededError as error:
            raise ApplicationError(
                "the host has as many attempts in flight as it may",
                type="LimitExceeded",
                next_retry_delay=error.wait,
                category=ApplicationErrorCategory.BENIGN,
            ) from None
        return await _write(notification, attempt, delivery, host)

    @activity.defn
    async def conclude(self, notification_id: str, state: NotificationState) -> None:
        """Record an end that is not the result of an attempt."""
        await Notification.conclude(notification_id, state)

    @activity.defn
    async def redeliver(self, redelivery: RedeliverInput) -> RedeliveredPage:
        """Start the redelivery of one page."""
        page = await Notification.since(
            redelivery.tenant,
            redelivery.integration_id,
            redelivery.since,
            redelivery.until,
            redelivery.cursor,
            redelivery.page_size,
        )
        started = 0
        for notification in page:
            activity.heartbeat()
            unless_done = {"_id": notification.id, "redelivery": {"$ne": redelivery.redelivery_id}}
            again = await Notification.begin_again(unless_done, redelivery.redelivery_id)
            if again is None and notification.redelivery == redelivery.redelivery_id:
                # An earlier try of this page may have died before its workflow was started.
                again = await Notification.pending(notification.id)
            if again is not None:
                started += 1
                await self.begin(again)
        cursor = page[-1].cursor if len(page) == redelivery.page_size else None
        return RedeliveredPage(examined=len(page), started=started, cursor=cursor)

    async def _endpoint(self, notification: Notification) -> Endpoint | None:
        # Its current state: a notification to a former URL, or signed with a former secret, is lost or refused.
        integration = await self.integrations.read(notification.integration_id, notification.tenant)
        return integration.endpoint if integration else None

    async def _as_shown(self, notification: Notification) -> Notification:
        """Return the notification without the content of erased users that is not removed from it yet."""
        if not await notification.is_to_be_redacted():
            return notification
        document = await Interaction.find_one({"_id": notification.interaction_id})
        if document is None:
            return notification
        interaction = await (await document.as_shown()).view()
        return notification.model_copy(update={"body": body_now(notification, interaction, self.show)})

    async def _after_fault(self, delivery: DeliverInput, integration_id: str, error: DecryptionError) -> DeliveryResult:
        """Postpone without counting an attempt: a key that this worker lacks is no failure of the tenant's endpoint.

        Raises:
            ApplicationError: for the first faults, so that another worker tries soon.
        """
        # Its secret may just have been changed or re-encrypted.
        self.integrations.invalidate(integration_id)
        failure = await self.faults.failure(FaultKind.CREDENTIALS, f"webhook of integration {integration_id}: {error}")
        if activity.info().attempt < QUICK_RETRIES:
            raise failure
        return await _postpone(delivery, delivery.at + _AFTER_FAULTS)

    async def _attempt(
        self, notification: Notification, url: str, secrets: Sequence[str], delivery: DeliverInput
    ) -> Attempt:
        began = time.monotonic()
        status, error = None, ""
        try:
            status = await self._post(notification, url, secrets)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as failure:
            error = f"{type(failure).__name__}: {failure}".rstrip(": ")
        except ForbiddenAddressError as failure:
            error = str(failure)
        if status is not None and status not in _DELIVERED:
            error = f"it answered {status}"
        return Attempt(
            round=notification.round,
            number=notification.tries + 1,
            date=delivery.at,
            status=status,
            error=cut(error),
            took=round(time.monotonic() - began, 3),
        )

    async def _post(self, notification: Notification, url: str, secrets: Sequence[str]) -> int:
        """Post the notification, and return the HTTP status of the answer."""
        body = notification.body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Iris",
            **signature_headers(secrets, notification.id, utc_now(), body),
        }
        async with (
            asyncio.timeout(self.timeout.total_seconds()),
            self.http.stream("POST", url, content=body, headers=headers) as response,
        ):
            # The status counts even if the body of the answer does not arrive.
            with suppress(httpx2.HTTPError, TimeoutError):
                await _drain(response)
            return response.status_code

    def _secrets(self, endpoint: Endpoint) -> Sequence[str]:
        encrypted = [endpoint.secret]
        if endpoint.former_secret is not None and endpoint.former_until is not None:
            encrypted += [endpoint.former_secret] if endpoint.former_until > utc_now() else []
        return [str(self.vault.decrypt(one)["secret"]) for one in encrypted]


async def _drain(response: httpx2.Response) -> None:
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read > MAX_READ_BYTES:
            return


async def _postpone(delivery: DeliverInput, until: datetime) -> DeliveryResult:
    """Postpone the attempt, or give the notification up if that exceeds its deadline."""
    if until > delivery.deadline:
        await Notification.conclude(delivery.notification_id, NotificationState.GIVEN_UP)
        return DeliveryResult(state=NotificationState.GIVEN_UP)
    await Notification.postpone(delivery.notification_id, until)
    return DeliveryResult(state=NotificationState.PENDING, next_attempt=until)


async def _write(notification: Notification, attempt: Attempt, delivery: DeliverInput, host: str) -> DeliveryResult:
    """Write an attempt, and its result: delivered, retried or given up."""
    state, next_attempt = NotificationState.DELIVERED, None
    if attempt.error:
        wait = backoff(attempt.number)
        next_attempt = delivery.at + wait
        if suspends_host(wait):
            await SuspendedHost.suspend(notification.tenant, host, next_attempt)
        state = NotificationState.PENDING
        if next_attempt > delivery.deadline:
            state, next_attempt = NotificationState.GIVEN_UP, None
    await Notification.write_attempt(notification.id, attempt, state, next_attempt)
    return DeliveryResult(state=state, next_attempt=next_attempt)
