"""Consent: whether a person takes messages, from whom and of which category."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from domain.channels import Channel
from domain.destinations import Destination, DestinationKind
from domain.gate.category import Category

MAX_EVIDENCE_CHARACTERS: Final = 200


class ConsentScope(StrEnum):
    """Senders that a consent is about: all of the tenant, those of a channel, or one integration.

    A consent about the address itself says for how long it takes no messages of a channel, whoever sends them. No
    statement of a person ends it, and it ends none.
    """

    TENANT = "tenant"
    CHANNEL = "channel"
    SENDER = "sender"
    ADDRESS = "address"


class ConsentCategory(StrEnum):
    """Messages that a consent is about."""

    MARKETING = "marketing"
    ALL = "all"


class ConsentState(StrEnum):
    """Whether the person takes the messages."""

    OUT = "out"
    IN = "in"


class ConsentSource(StrEnum):
    """How a consent became known."""

    KEYWORD = "keyword"
    PROVIDER = "provider"
    ONE_CLICK = "one_click"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    API = "api"
    IMPORT = "import"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Coverage(_Value):
    """What a consent is about: the senders and the category.

    Attributes:
        scope_value: the channel's name or the integration's id; empty for the whole tenant.
    """

    scope: ConsentScope
    scope_value: str = ""
    category: ConsentCategory

    @classmethod
    def of_tenant(cls, category: ConsentCategory) -> "Coverage":
        """All senders of the tenant."""
        return cls(scope=ConsentScope.TENANT, category=category)

    @classmethod
    def of_channel(cls, channel: Channel, category: ConsentCategory) -> "Coverage":
        """All senders of a channel."""
        return cls(scope=ConsentScope.CHANNEL, scope_value=channel, category=category)

    @classmethod
    def of_address(cls, channel: Channel) -> "Coverage":
        """The address itself, on a channel."""
        return cls(scope=ConsentScope.ADDRESS, scope_value=channel, category=ConsentCategory.ALL)

    @classmethod
    def of_sender(cls, integration_id: str, category: ConsentCategory) -> "Coverage":
        """One integration."""
        return cls(scope=ConsentScope.SENDER, scope_value=integration_id, category=category)


class Evidence(_Value):
    """Proof of a consent.

    Attributes:
        interaction_id: the message that stated it.
        text: its words, cut.
        account_id: the account that recorded it.
    """

    interaction_id: str | None = None
    text: Annotated[str, AfterValidator(lambda text: text[:MAX_EVIDENCE_CHARACTERS])] = ""
    account_id: str | None = None


NO_EVIDENCE: Final = Evidence()


class ConsentChange(_Value):
    """Statement of a consent at an instant.

    Attributes:
        value: the destination, in any spelling.
        until: when an opt-out ends by itself; None if it does not.
    """

    kind: DestinationKind
    value: str
    coverage: Coverage
    state: ConsentState
    source: ConsentSource
    at: datetime
    until: datetime | None = None
    evidence: Evidence = NO_EVIDENCE

    @property
    def destination(self) -> Destination:
        """The destination that it is about."""
        return Destination(key=self.kind, value=self.value)


class Consent(_Value):
    """Latest statement of one coverage about one destination.

    Attributes:
        until: when an opt-out ends by itself; None if it does not.
    """

    coverage: Coverage
    state: ConsentState
    source: ConsentSource
    at: datetime
    until: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it ended by itself."""
        return self.until is not None and self.until <= now


def refusing(consents: Sequence[Consent], category: Category, now: datetime) -> Consent | None:
    """Return the opt-out that refuses a message, of several the latest without end; None if it may go.

    The strictest scope decides. Within one scope, an opt-out of everything ends by an opt-in to everything only; an
    opt-out of marketing also ends by a later opt-in to everything. Authentication and transactional messages pass an
    opt-out of marketing.

    Args:
        consents: those about the destination in the scopes of the message's sender, at most one of each coverage.
        category: the message's category.
        now: the time of the decision.
    """
    outs = [
        one
        for one in consents
        if one.state is ConsentState.OUT
        and not one.is_over(now)
        and (_is_of_all(one) or category is Category.MARKETING)
        and not _is_lifted(one, consents)
    ]
    return max(outs, key=lambda one: (one.until is None, one.at), default=None)


def _is_of_all(consent: Consent) -> bool:
    return consent.coverage.category is ConsentCategory.ALL


def _is_lifted(out: Consent, consents: Sequence[Consent]) -> bool:
    """Whether the person opted in to everything in the same scope since."""
    scope = (out.coverage.scope, out.coverage.scope_value)
    return any(
        (one.coverage.scope, one.coverage.scope_value) == scope
        and _is_of_all(one)
        and one.state is ConsentState.IN
        and one.at >= out.at
        for one in consents
    )
