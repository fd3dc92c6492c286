"""Confirms opt-outs to their recipients, where the integration is set so."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain.clock import utc_now
from domain.confirming import OptedOut
from domain.gate.keywords import OwnKeywords
from domain.submission import Submission
from integrations.cache import Integrations
from integrations.references import capabilities

Confirm = Callable[[OptedOut, OwnKeywords], Awaitable[None]]
"""Confirms an opt-out, by one message however often it is called; the tenant's keywords decide its language."""


async def confirm_nothing(opted_out: OptedOut, own: OwnKeywords) -> None:
    """Confirm nothing: for workers and tests without integrations."""


@dataclass(frozen=True, slots=True)
class Confirmations:
    """Sends confirmations as interactions of their own.

    Attributes:
        integrations: cached lookups of their settings.
        begin: starts an interaction; one that was started before is left alone.
    """

    integrations: Integrations
    begin: Callable[[Submission], Awaitable[None]]

    async def confirm(self, opted_out: OptedOut, own: OwnKeywords) -> None:
        """Confirm an opt-out, unless the provider answers it or the integration is set otherwise."""
        reference, tenant = opted_out.inbound.integration, opted_out.inbound.tenant
        integration = await self.integrations.of_tenant(reference.integration_id, tenant, reference.version)
        able = capabilities(integration) if integration is not None and integration.enabled else None
        if integration is None or able is None:
            return
        setting = integration.confirmation
        if setting.confirms(opted_out.words, able.answered_opt_outs):
            await self.begin(opted_out.confirmation(setting, own, utc_now()))
