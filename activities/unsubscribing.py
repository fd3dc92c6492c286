"""One-click unsubscribe links of marketing e-mails (RFC 8058)."""

from dataclasses import dataclass

from activities.interfaces import Dispatch
from domain.gate.category import Category
from domain.payloads import Payload
from domain.payloads.email import Email
from queries.consents import Consents


@dataclass(frozen=True, slots=True)
class UnsubscribeUrls:
    """Creates the unsubscribe links of messages.

    Attributes:
        public_url: the base URL; RFC 8058 §3.1 wants https, so that there are no links below any other.
    """

    consents: Consents
    public_url: str

    async def url(self, dispatch: Dispatch, payload: Payload) -> str | None:
        """Return the link of a message; None if it needs none, or cannot have one.

        Only a message to one recipient has one: of several it would not say who unsubscribes.
        """
        if dispatch.category is not Category.MARKETING or not _lacks_link(payload) or len(dispatch.destinations) != 1:
            return None
        if not self.public_url.startswith("https://"):
            return None
        token = await self.consents.unsubscribe_token(
            dispatch.tenant, dispatch.integration_id, dispatch.interaction_id, dispatch.destinations[0]
        )
        return f"{self.public_url.rstrip('/')}/u/{token}"


def _lacks_link(payload: Payload) -> bool:
    return isinstance(payload, Email) and payload.unsubscribe_url is None and not payload.cc and not payload.bcc
