"""Provider interface: the settings and operations of a provider, and its results.

A provider knows no storage, no workflow engine and no other provider (`docs/decisions/0004-provider-seam.md`).
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, ClassVar, Final, Generic, Self, TypeVar, cast

import httpx2
from pydantic import JsonValue

from domain.channels import Channel
from domain.clock import utc_now
from domain.events import WebhookItem
from domain.gate.throttle_setting import Throttle
from domain.outcomes import MAX_WORD_LENGTH, Accepted, Outcome, Rejected, cut
from domain.payloads import Payload
from domain.strategy.recall import RecallResult
from domain.texts import Forms, both
from providers.opt_outs import OptOut
from providers.provider_settings import ProviderSettings
from security.ssrf_guard import AddressGuard


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Capabilities of a provider on one channel.

    Attributes:
        payload_types: the payload `Type`s it sends.
        max_destinations: the maximum number of destinations of one interaction.
        max_text_length: the maximum characters of a text; None if only the channel limits it.
        idempotent_send: whether it recognises a repeated send by our reference, so that repeating is safe.
        reports_delivery: whether it sends delivery receipts.
        reports_reads: whether it sends read receipts.
        finds_sent: whether it can search for a send whose outcome is unknown (`Provider.find_sent`).
        throttle: the limits of a sender that the provider documents, which an integration may choose to keep to.
        answered_opt_outs: the opt-out keywords, in lower case, that it answers by itself where they stand alone.
        recalls: whether it can be asked to take a message back (`Provider.recall`).
        min_validity: the shortest validity of a message that it takes; None if it takes none.
    """

    payload_types: frozenset[str]
    max_destinations: int = 1
    max_text_length: int | None = None
    idempotent_send: bool = False
    reports_delivery: bool = True
    reports_reads: bool = False
    finds_sent: bool = False
    throttle: Throttle | None = None
    answered_opt_outs: frozenset[str] = frozenset()
    recalls: bool = False
    min_validity: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Outbound:
    """Outbound message.

    Attributes:
        reference: our interaction id; it goes out with the message and comes back with its receipts.
        destinations: normalised; at most `Capabilities.max_destinations`.
        callback_url: the absolute URL that receives the provider's receipts for this integration.
        unsubscribe_url: our own link by which the recipient of a marketing e-mail unsubscribes (RFC 8058).
        expires: from this instant the message is of no use any more; None if it stays valid.
    """

    reference: str
    channel: Channel
    destinations: tuple[str, ...]
    payload: Payload
    callback_url: str
    unsubscribe_url: str | None = None
    expires: datetime | None = None

    def seconds_valid(self, configured: int | None, least: int, most: int) -> int | None:
        """Return for how many seconds the provider may try to deliver the message; None if nothing limits that.

        Args:
            configured: the limit of the integration, if it has one.
            least: the smallest value that the provider accepts.
            most: the largest one.
        """
        left = None if self.expires is None else int((self.expires - utc_now()).total_seconds())
        limits = [limit for limit in (configured, left) if limit is not None]
        return min(max(min(limits), least), most) if limits else None


Attempt = Callable[[], Awaitable[Outcome]]
"""Prepared send; a call hands the message to the provider, once."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Request of a provider to us, unmodified.

    Attributes:
        url: the public URL that the provider called, with its query, rebuilt from our settings.
        headers: by lower-case name.
        body: the raw bytes, which signatures cover.
        received_at: by our clock.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Check:
    """Result of checking an integration's credentials at the provider.

    Attributes:
        ok: whether they are valid; None if the provider has no call to check them.
        reason: why they are invalid or unchecked, in our words or the provider's; empty if they are valid.
    """

    ok: bool | None
    reason: Forms | str = ""


GOOD: Final = Check(ok=True)


class RateScope(Enum):
    """What a rate limit of a provider is for."""

    SENDER = auto()
    RECIPIENT = auto()
    """A sender and one recipient."""


@dataclass(frozen=True, slots=True)
class CoolDown:
    """Pause that the provider's refusal for a rate requires.

    Attributes:
        scope: the sends that pause.
        wait: the duration, unless the provider names one.
        factor: the ratio of the next duration to this one, while a recipient's sends are refused again and again.
    """

    scope: RateScope = RateScope.SENDER
    wait: timedelta = timedelta(seconds=1)
    factor: float = 1


class ProviderError(Exception):
    """Base of the errors of a provider."""


class TransientError(ProviderError):
    """The provider certainly did not accept the message: it may be sent again.

    Attributes:
        code: the provider's code, or ours for a failed connection.
        retry_after: the wait that the provider asks for, if it does.
        cool_down: the pause of the sender or the recipient, if a rate was exceeded.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        retry_after: timedelta | None = None,
        cool_down: CoolDown | None = None,
    ) -> None:
        self.code = code[:MAX_WORD_LENGTH]
        self.detail = cut(detail)
        super().__init__(f"{self.code}: {self.detail}" if detail else self.code)
        self.retry_after = retry_after
        self.cool_down = cool_down


class UnsentError(ProviderError):
    """The adapter failed, through a fault of ours, before it handed over anything of the message."""


class UnverifiedError(ProviderError):
    """The webhook has no valid, recent signature of its provider."""


class UnreadableError(ProviderError):
    """The signed webhook does not have the provider's documented form."""


class MisconfiguredError(ProviderError):
    """The provider cannot work with the integration's configuration or credentials."""


NOTHING_INSIDE: Final = AddressGuard()
"""Guard that allows connections to the Internet only."""

Configuration = TypeVar("Configuration", bound=ProviderSettings)
Credentials = TypeVar("Credentials", bound=ProviderSettings)


class Provider(ABC, Generic[Configuration, Credentials]):
    """Provider, opened for one integration.

    Attributes:
        name: its name in URLs and records, lower case.
        title: its name for people (`integrationTypeProviderName`).
        channels: its capabilities by channel.
        configuration_type: the public settings of an integration.
        credentials_type: the secret settings of an integration.
        setup: the steps at the provider that make it send webhooks to the given integration's webhook URL.
        opt_outs: what its codes, and its statuses, say about recipients who take no more messages.
        max_webhook_bytes: bytes of its largest notification; Meta's have up to 3 MB
            (https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/overview), the others' are smaller.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    channels: ClassVar[Mapping[Channel, Capabilities]]
    configuration_type: ClassVar[type[ProviderSettings]]
    credentials_type: ClassVar[type[ProviderSettings]]
    setup: ClassVar[str]
    max_webhook_bytes: ClassVar[int] = 4_194_304
    opt_outs: ClassVar[Mapping[str, OptOut]] = {}

    def __init__(
        self,
        configuration: Configuration,
        credentials: Credentials,
        http: httpx2.AsyncClient,
        guard: AddressGuard = NOTHING_INSIDE,
    ) -> None:
        self._configuration = configuration
        self._credentials = credentials
        self._http = http
        self._guard = guard

    @classmethod
    def opt_out_of(cls, code: str, provider_status: str, detail: str) -> OptOut | None:
        """Return what a refusal or an event says about a recipient who takes no more messages; None if nothing."""
        del detail  # which says it in the words of some providers
        return cls.opt_outs.get(code) or cls.opt_outs.get(provider_status)

    @classmethod
    def open(
        cls,
        configuration: Mapping[str, JsonValue],
        credentials: Mapping[str, JsonValue],
        http: httpx2.AsyncClient,
        guard: AddressGuard = NOTHING_INSIDE,
    ) -> Self:
        """Open the provider for an integration.

        Args:
            configuration: the public settings.
            credentials: the secret settings.
            http: the client to send with, which is guarded itself.
            guard: checks the addresses of connections that are not `http`'s.

        Raises:
            MisconfiguredError: naming the invalid fields, never their values.
        """
        try:
            return cls(
                cast("Configuration", cls.configuration_type.model_validate(configuration)),
                cast("Credentials", cls.credentials_type.model_validate(credentials)),
                http,
                guard,
            )
        except ValueError as error:
            raise MisconfiguredError(str(error)) from error

    @classmethod
    def capabilities(cls, channel: Channel, configuration: Mapping[str, JsonValue]) -> Capabilities | None:
        """Return the capabilities on a channel for this configuration; None if the channel is not supported."""
        del configuration
        return cls.channels.get(channel)

    @property
    @abstractmethod
    def sender(self) -> str:
        """Identity of the sender at the provider: its account, with its number or name if one is set."""

    @abstractmethod
    async def prepare(self, outbound: Outbound) -> Attempt | Rejected:
        """Compose one message with its credentials, up to its first byte on the wire; or return why it cannot be sent.

        Nothing of the message goes out here, so an error raised here never leaves the outcome unknown.

        Raises:
            TransientError: when something that the send needs, such as an access token, is unavailable at the moment.
            outbound_guard.ForbiddenAddressError: when connecting to the provider's address is forbidden.
        """

    async def send(self, outbound: Outbound) -> Outcome:
        """Send one message, once: prepare it, and make the attempt.

        Both this and the attempt raise:

        Raises:
            TransientError: only when the provider certainly did not accept it.
            UnsentError: when the adapter failed before it handed over anything of the message.
            outbound_guard.ForbiddenAddressError: when connecting to the provider's address is forbidden.
        """
        ready = await self.prepare(outbound)
        return ready if isinstance(ready, Rejected) else await ready()

    @abstractmethod
    def verify(self, webhook: Webhook) -> None:
        """Check that the provider signed the webhook for this integration recently.

        Raises:
            UnverifiedError: if it did not; also when the integration has no secret to check with.
        """

    @abstractmethod
    def parse(self, webhook: Webhook) -> Sequence[WebhookItem]:
        """Parse a verified webhook. Pure; the same webhook gives events with the same keys.

        Raises:
            UnreadableError: if the body does not have the documented form.
        """

    def nonce(self, webhook: Webhook) -> str | None:
        """Return the one-time value of a verified webhook, if the provider has one (a nonce, a token's id).

        A webhook whose value was used before is refused.
        """
        del webhook
        return None

    def challenge(self, query: Mapping[str, str]) -> str:
        """Answer the provider's request to verify the webhook URL.

        Raises:
            UnverifiedError: if it does not contain the agreed secret, or the provider has no such request.
        """
        del query
        raise UnverifiedError(f"{self.title} does not ask for an address")

    async def check(self) -> Check:
        """Check the credentials by calls that send nothing and cost nothing.

        A secret that only signs webhooks is checked if the provider can be asked about it; otherwise the result says
        so.

        Raises:
            TransientError: when the provider did not answer.
            outbound_guard.ForbiddenAddressError: when connecting to the provider's address is forbidden.
        """
        return Check(
            ok=None,
            reason=both(
                f"{self.title} no tiene ninguna llamada que lo diga sin enviar",
                f"{self.title} has no call that checks credentials without sending",
            ),
        )

    async def find_sent(self, outbound: Outbound, since: datetime) -> Accepted | None:
        """Find the message of a send whose outcome is unknown; None if no message is certainly it.

        Raises:
            TransientError: when the provider did not answer.
            outbound_guard.ForbiddenAddressError: when connecting to the provider's address is forbidden.
        """
        del outbound, since
        return None

    async def recall(self, provider_message_id: str) -> RecallResult:
        """Ask the provider to take a message back; its answer is never proof that the message did not arrive.

        Raises:
            TransientError: when the provider did not answer.
            outbound_guard.ForbiddenAddressError: when connecting to the provider's address is forbidden.
        """
        del provider_message_id
        return RecallResult.NOT_RECALLED


AnyProvider = Provider[Any, Any]
"""Provider with any configuration and credentials."""
