"""Sending: one message to its provider, and nothing else."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.interfaces import NOT_TAKEN, UNANSWERED, Dispatch, DispatchActivities
from domain.outcomes import LONGEST_DETAIL, FailureClass, Outcome, Rejected, Unanswered
from domain.payloads import InvalidPayloadError, parse_payload
from integrations import ProviderOpener
from models.integration import Integration
from providers.base import AnyProvider, MisconfiguredError, Outbound, TransientError

MOST_UNANSWERED_ATTEMPTS: Final = 3
"""After so many attempts, a repeatable message that nobody answers for is left to its receipts."""

HEARTBEAT: Final = timedelta(seconds=3)
"""How often a slow send shows that its worker lives; sends that are quicker never do."""


@dataclass(frozen=True, slots=True)
class ProviderDispatch(DispatchActivities):
    """Dispatch through the provider of the interaction's integration.

    Attributes:
        opener: opens providers with their credentials, which never leave this activity.
    """

    opener: ProviderOpener

    @activity.defn
    async def dispatch(self, dispatch: Dispatch) -> Outcome:
        """Hand the message to its provider; write nothing."""
        integration = await Integration.find_one({"_id": dispatch.integration_id, "tenant": dispatch.tenant})
        if integration is None:
            return Rejected(code="integration_not_found", failure=FailureClass.CONFIGURATION)
        try:
            provider = self.opener.open(integration)
        except MisconfiguredError as error:
            return Rejected(code="misconfigured", failure=FailureClass.CONFIGURATION, detail=str(error))
        try:
            payload = parse_payload(integration.channel, dispatch.payload)
        except InvalidPayloadError as error:
            return Rejected(code="invalid_payload", failure=FailureClass.CONTENT, detail=str(error))
        outbound = Outbound(
            reference=dispatch.interaction_id,
            channel=integration.channel,
            destinations=tuple(destination.value for destination in dispatch.destinations),
            payload=payload,
            callback_url=self.opener.callback_url(integration),
        )
        async with _sign_of_life():
            outcome = await _send(provider, outbound)
        if isinstance(outcome, Unanswered) and dispatch.repeatable and _may_ask_again():
            raise _retryable(UNANSWERED, outcome.detail)
        return outcome


@asynccontextmanager
async def _sign_of_life() -> AsyncGenerator[None]:
    """Tell Temporal, during a slow send, that this worker lives; when it dies, that is known within seconds."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT.total_seconds())
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


async def _send(provider: AnyProvider, outbound: Outbound) -> Outcome:
    try:
        return await provider.send(outbound)
    except TransientError as error:
        raise _retryable(NOT_TAKEN, str(error), error.retry_after) from None
    except Exception as error:  # noqa: BLE001 - whatever broke, it may have broken after the message went out
        activity.logger.exception("the provider's adapter failed", extra={"provider": provider.name})
        return Unanswered(detail=type(error).__name__)


def _may_ask_again() -> bool:
    return activity.info().attempt < MOST_UNANSWERED_ATTEMPTS


def _retryable(kind: str, detail: str, delay: timedelta | None = None) -> ApplicationError:
    return ApplicationError(
        detail[:LONGEST_DETAIL], type=kind, next_retry_delay=delay, category=ApplicationErrorCategory.BENIGN
    )
