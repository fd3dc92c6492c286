"""Dispatch: hands one message to its provider, and writes nothing."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError

from activities.attachments import Files, MissingAttachmentError
from activities.bulkheads import KeyedLimiter, LimitExceededError
from activities.interfaces import Dispatch, DispatchActivities, DispatchResult, Recall, Search
from activities.internal_faults import InternalFaults
from activities.send_log import log_send
from activities.sender_slots import MAX_RETRY_WAIT, SenderSlots, ThrottledSend
from activities.unsubscribing import UnsubscribeUrls
from domain.faults import FaultKind
from domain.outcomes import (
    MAX_DETAIL_LENGTH,
    Accepted,
    FailureClass,
    Outcome,
    OutcomeUnknown,
    Rejected,
    was_surely_idle,
)
from domain.payloads import InvalidPayloadError, parse_payload
from domain.strategy.recall import RecallResult
from integrations.cache import Integrations
from integrations.provider_factory import ProviderFactory, UndecryptableCredentialsError
from models.erasure import matching_message_id
from models.integration import Integration
from models.interaction import Interaction
from providers.base import AnyProvider, Attempt, MisconfiguredError, Outbound, TransientError, UnsentError
from security.ssrf_guard import ForbiddenAddressError
from support.metrics import timed_dispatch

NOT_ACCEPTED: Final = "NotAccepted"
"""Type of the error when the provider certainly did not accept the message, or could not be asked."""

_MAX_DOUBLINGS: Final = 6
"""Number of times that the wait of 1 second between two tries doubles: up to about a minute."""

Prepared = tuple[Integration, AnyProvider, Outbound] | Rejected
"""A message with its integration and provider, or why it is not sent."""

HEARTBEAT: Final = timedelta(seconds=3)
"""Interval between the heartbeats of a slow send; a quicker send has none."""


@dataclass(frozen=True, slots=True)
class ProviderDispatch(DispatchActivities):
    """Dispatch through the provider of the interaction's integration.

    Attributes:
        provider_factory: creates providers with their credentials, which never leave this activity.
        limiter: limits the sends in flight of each integration.
        integrations: cached lookups of integrations.
        files: adds uploaded files to messages.
        unsubscribe_urls: creates the unsubscribe links of marketing e-mails.
        faults: reports the faults of this worker.
        slots: the slots of senders that have a throttle.
    """

    provider_factory: ProviderFactory
    limiter: KeyedLimiter
    integrations: Integrations
    files: Files
    unsubscribe_urls: UnsubscribeUrls
    faults: InternalFaults
    slots: SenderSlots = field(default_factory=SenderSlots)

    @activity.defn
    async def dispatch(self, dispatch: Dispatch) -> DispatchResult:
        """Hand the message to its provider, unless its sender may not send now."""
        tries = _tries_before() + 1
        with self._slot(dispatch):
            ready = await self._prepare(dispatch)
            if isinstance(ready, Rejected):
                return ready
            integration, provider, outbound = ready
            throttled = ThrottledSend.of(dispatch, integration, provider, outbound, again=tries > 1)
            try:
                async with _heartbeats(tries):
                    held = await self.slots.wait(throttled)
                    if held is not None:
                        return held
                    async with self.files.added(outbound, dispatch.tenant, dispatch.attachments) as complete:
                        return await _send(provider, complete, tries)
            except MissingAttachmentError as error:
                return Rejected(code="attachment_not_found", failure=FailureClass.CONTENT, detail=str(error))
            except UnsentError as error:
                raise await self.faults.failure(FaultKind.ADAPTER, str(error)) from None
            except TransientError as error:
                return await self._refused(throttled, tries, error)

    async def _refused(self, throttled: ThrottledSend, tries: int, error: TransientError) -> DispatchResult:
        """Hold a message that the provider did not accept for a long pause.

        Raises:
            ApplicationError: after any other refusal, so that the activity is retried.
        """
        pause = await self.slots.pause(throttled, error)
        if error.cool_down is None or pause <= MAX_RETRY_WAIT:
            delay = pause if error.retry_after is not None else max(pause, _backoff(tries))
            raise _try_again(tries, str(error), delay) from None
        held = self.slots.hold(throttled, pause)
        return held or Rejected(code=error.code, failure=FailureClass.RATE, detail=error.detail)

    @activity.defn
    async def find_sent(self, search: Search) -> Accepted | None:
        """Find the message of an unanswered send; None if it is not certain that the provider has it."""
        with self._slot(search.dispatch):
            found = await self._look_for(search)
        # The same text may have been sent twice to the same person on purpose: a message belongs to one interaction.
        if found is None or await _belongs_to_another(search.dispatch, found):
            return None
        return found

    @activity.defn
    async def recall(self, recall: Recall) -> RecallResult:
        """Ask the provider to take a message back, if its id is known."""
        interaction = await Interaction.find_one({"_id": recall.interaction_id, "tenant": recall.tenant})
        integration = await self.integrations.of_tenant(recall.integration_id, recall.tenant)
        ids = interaction.provider_message_ids if interaction is not None and interaction.erased_at is None else []
        if integration is None or not ids:
            return RecallResult.NOT_RECALLED
        try:
            return await self.provider_factory.open(integration).recall(ids[0])
        except TransientError as error:
            raise _not_accepted(str(error), error.retry_after) from None
        except (MisconfiguredError, ForbiddenAddressError):
            return RecallResult.NOT_RECALLED

    @contextmanager
    def _slot(self, dispatch: Dispatch) -> Generator[None]:
        try:
            with self.limiter.slot(dispatch.integration_id):
                yield
        except LimitExceededError as error:
            _show_idle()
            raise _not_accepted(str(error), error.wait) from None

    async def _look_for(self, search: Search) -> Accepted | None:
        ready = await self._prepare(search.dispatch)
        if isinstance(ready, Rejected):
            return None
        _, provider, outbound = ready
        try:
            return await provider.find_sent(outbound, search.since)
        except TransientError as error:
            raise _not_accepted(str(error), error.retry_after) from None
        except ForbiddenAddressError:
            return None

    async def _prepare(self, dispatch: Dispatch) -> Prepared:
        """Prepare the provider and the message for it; a rejection if it cannot be sent.

        Raises:
            ApplicationError: if this worker cannot open the integration or read the payload, although they were
                admitted: it is misconfigured or of another version, so that the activity is retried.
        """
        integration = await self.integrations.of_tenant(
            dispatch.integration_id, dispatch.tenant, dispatch.integration_version
        )
        if integration is None:
            return Rejected(code="integration_not_found", failure=FailureClass.CONFIGURATION)
        try:
            provider = self.provider_factory.open(integration)
            payload = parse_payload(integration.channel, dispatch.payload)
        except MisconfiguredError as error:
            # Its credentials may just have been changed or re-encrypted.
            self.integrations.invalidate(integration.id)
            kind = FaultKind.CREDENTIALS if isinstance(error, UndecryptableCredentialsError) else FaultKind.INTEGRATION
            raise await self.faults.failure(kind, f"integration {integration.id}: {error}") from None
        except InvalidPayloadError as error:
            raise await self.faults.failure(FaultKind.PAYLOAD, str(error)) from None
        destinations = await _destinations(dispatch)
        if not destinations:
            return Rejected(code="erased", failure=FailureClass.DESTINATION)
        outbound = Outbound(
            reference=dispatch.interaction_id,
            channel=integration.channel,
            destinations=destinations,
            payload=payload,
            callback_url=self.provider_factory.callback_url(integration),
            unsubscribe_url=await self.unsubscribe_urls.url(dispatch, payload),
            expires=dispatch.expires,
        )
        return integration, provider, outbound


async def _destinations(dispatch: Dispatch) -> tuple[str, ...]:
    """Destinations of a message, without users erased since; a message to one erased user only is cancelled instead."""
    destinations = tuple(destination.value for destination in dispatch.destinations)
    stored = await Interaction.find_one({"_id": dispatch.interaction_id}) if len(destinations) > 1 else None
    if stored is None:
        return destinations
    left = {destination.value for destination in stored.destinations}
    return tuple(destination for destination in destinations if destination in left)


async def _belongs_to_another(dispatch: Dispatch, found: Accepted) -> bool:
    selector = {
        "integration.integration_id": dispatch.integration_id,
        "provider_message_ids": matching_message_id(found.provider_message_id),
        "_id": {"$ne": dispatch.interaction_id},
    }
    return await Interaction.find_one(selector) is not None


@asynccontextmanager
async def _heartbeats(tries: int) -> AsyncGenerator[None]:
    """Heartbeat during a slow send, so that Temporal notices within seconds when this worker dies."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT.total_seconds())
            activity.heartbeat(tries, True)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


async def _send(provider: AnyProvider, outbound: Outbound, tries: int) -> Outcome:
    with timed_dispatch(outbound.channel, provider.name) as came_to:
        try:
            outcome = await _attempt(provider, outbound, tries)
        except TransientError as error:
            log_send(provider.name, outbound, error)
            raise
        came_to(outcome)
    log_send(provider.name, outbound, outcome)
    return outcome


async def _attempt(provider: AnyProvider, outbound: Outbound, tries: int) -> Outcome:
    try:
        ready = await _ready(provider, outbound)
        if isinstance(ready, Rejected):
            return ready
        await _show_handing_over(tries)
        return await _run(provider, ready)
    except ForbiddenAddressError as error:
        return Rejected(code="forbidden_address", failure=FailureClass.CONFIGURATION, detail=str(error))


async def _ready(provider: AnyProvider, outbound: Outbound) -> Attempt | Rejected:
    """Compose the message; nothing is sent yet, so that a fault of the adapter is never an unknown outcome.

    Raises:
        TransientError: if it cannot be composed at the moment.
        UnsentError: if the adapter is broken.
    """
    try:
        return await provider.prepare(outbound)
    except (TransientError, ForbiddenAddressError):
        raise
    except Exception as error:
        activity.logger.exception("the provider's adapter failed", extra={"provider": provider.name})
        raise UnsentError(f"composing: {type(error).__name__}") from error


async def _run(provider: AnyProvider, attempt: Attempt) -> Outcome:
    """Run an attempt and return its outcome; from its start on, the message may have been sent.

    Raises:
        TransientError, UnsentError, ForbiddenAddressError: if the message was certainly not sent.
    """
    try:
        return await _shielded(attempt())
    except (TransientError, ForbiddenAddressError):
        raise
    except UnsentError:
        activity.logger.exception("the provider's adapter failed", extra={"provider": provider.name})
        raise
    except asyncio.CancelledError:
        # Temporal's SDK would count it as a failure that may be retried.
        return OutcomeUnknown(detail="the worker stopped while it was sending")
    except Exception as error:  # noqa: BLE001 - any error may have occurred after the message was sent
        activity.logger.exception("the provider's adapter failed", extra={"provider": provider.name})
        return OutcomeUnknown(detail=type(error).__name__)


async def _shielded(sending: Awaitable[Outcome]) -> Outcome:
    """Wait for the answer to a send even if the interaction is cancelled meanwhile: it may have been sent."""
    answer = asyncio.ensure_future(sending)
    try:
        return await asyncio.shield(answer)
    except asyncio.CancelledError:
        details = activity.cancellation_details()
        if details is not None and details.cancel_requested:
            return await answer
        answer.cancel()
        raise


def _tries_before() -> int:
    """Number of earlier tries to send; attempts that were over the limit do not count."""
    details = activity.info().heartbeat_details
    return int(details[0]) if details else 0


def _show_idle() -> None:
    """Heartbeat, once, that no attempt so far has handed anything over (`domain.outcomes`)."""
    if not activity.info().heartbeat_details:
        activity.heartbeat(0, False)


async def _show_handing_over(tries: int) -> None:
    """Heartbeat, before anything is handed over, that this attempt may have sent the message if it is lost.

    This is only needed if an earlier attempt reported otherwise, so that the first attempt costs nothing more.

    Raises:
        TransientError: if Temporal does not accept the heartbeat; nothing is handed over then.
    """
    details = activity.info().heartbeat_details
    if not was_surely_idle(details):
        return
    handle = activity.client().get_async_activity_handle(task_token=activity.info().task_token)
    try:
        # The SDK's own heartbeats are sent later, in the background.
        await handle.heartbeat(tries, True)
    except (RPCError, AsyncActivityCancelledError) as error:
        raise TransientError("not_begun", type(error).__name__) from None


def _backoff(tries: int) -> timedelta:
    return timedelta(seconds=2 ** min(tries - 1, _MAX_DOUBLINGS))


def _try_again(tries: int, detail: str, delay: timedelta) -> ApplicationError:
    activity.heartbeat(tries, False)  # Temporal passes it to the next attempt
    return _not_accepted(detail, delay)


def _not_accepted(detail: str, delay: timedelta | None) -> ApplicationError:
    return ApplicationError(
        detail[:MAX_DETAIL_LENGTH], type=NOT_ACCEPTED, next_retry_delay=delay, category=ApplicationErrorCategory.BENIGN
    )
