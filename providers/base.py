"""The seam to the providers: what each must know, and what it answers.

A provider knows no storage, no workflow engine and no other provider (`docs/decisions/0004-provider-seam.md`).
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Generic, Self, TypeVar, cast

import httpx2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, JsonValue, SecretStr
from pydantic.alias_generators import to_camel

from domain.channels import Channel
from domain.events import WebhookItem
from domain.outcomes import MAX_WORD_LENGTH, Accepted, Outcome, Rejected, cut
from domain.payloads import Payload
from domain.texts import Forms, both, invalid_value
from security.ssrf_guard import AddressGuard


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do on one channel.

    Attributes:
        payload_types: the payload `Type`s it sends.
        max_destinations: how many destinations one interaction may have.
        longest_text: characters of text it takes; None where only the channel limits it.
        idempotent_send: whether it recognises a repeated send by our reference, so that repeating is safe.
        reports_delivery: whether it tells when a message was delivered.
        reports_reads: whether it tells when a message was read.
        finds_sent: whether it can be asked what became of a send that nobody answered (`Provider.find_sent`).
    """

    payload_types: frozenset[str]
    max_destinations: int = 1
    longest_text: int | None = None
    idempotent_send: bool = False
    reports_delivery: bool = True
    reports_reads: bool = False
    finds_sent: bool = False


@dataclass(frozen=True, slots=True)
class Outbound:
    """One message to send.

    Attributes:
        reference: our interaction id; it goes out with the message and comes back with its receipts.
        destinations: normalised; as many as `Capabilities.max_destinations` allows.
        callback_url: where the provider's receipts for this integration are received, absolute.
    """

    reference: str
    channel: Channel
    destinations: tuple[str, ...]
    payload: Payload
    callback_url: str


Attempt = Callable[[], Awaitable[Outcome]]
"""A send that is ready: calling it hands the message to the provider, once."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request that a provider made to us, exactly as it came.

    Attributes:
        url: the public URL that the provider called, with its query, rebuilt from our settings.
        headers: by lower-case name.
        body: the raw bytes, which is what signatures cover.
        received_at: by our clock.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Check:
    """What a provider says of an integration's credentials.

    Attributes:
        ok: whether they are good; None where the provider has no call that would say so.
        reason: why they are not good, or not known to be, in our words or in the provider's; empty where they are good.
    """

    ok: bool | None
    reason: Forms | str = ""


GOOD: Final = Check(ok=True)


class ProviderError(Exception):
    """What went wrong at the seam."""


class TransientError(ProviderError):
    """The provider surely did not take the message: it may be sent again.

    Attributes:
        code: the provider's code, or ours for a failed connection.
        retry_after: how long the provider asks to wait, if it does.
    """

    def __init__(self, code: str, detail: str = "", retry_after: timedelta | None = None) -> None:
        self.code = code[:MAX_WORD_LENGTH]
        self.detail = cut(detail)
        super().__init__(f"{self.code}: {self.detail}" if detail else self.code)
        self.retry_after = retry_after


class UnsentError(ProviderError):
    """The adapter failed, through a fault of ours, before it handed over anything of the message."""


class UnverifiedError(ProviderError):
    """A webhook that its provider did not sign, or not lately."""


class UnreadableError(ProviderError):
    """A signed webhook that is not of the provider's documented form."""


class MisconfiguredError(ProviderError):
    """An integration whose configuration or credentials its provider cannot work with."""


class ProviderSettings(BaseModel):
    """The base of every provider's configuration and credentials: camelCase outside, unknown names refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


def _bare(url: HttpUrl) -> HttpUrl:
    if url.username or url.password or url.query or url.fragment:
        raise invalid_value(
            "no puede tener usuario, contraseña, consulta ni fragmento",
            "it must have no user, no password, no query and no fragment",
        )
    return url


BaseUrl = Annotated[HttpUrl, AfterValidator(_bare)]
"""Where a provider's API is; another region's, or a test double's."""

Secret = Annotated[SecretStr, Field(min_length=1)]
"""A secret of an integration: never empty, because an empty one would verify anything."""

NOTHING_INSIDE: Final = AddressGuard()
"""Connects to the Internet only."""

Configuration = TypeVar("Configuration", bound=ProviderSettings)
Credentials = TypeVar("Credentials", bound=ProviderSettings)


class Provider(ABC, Generic[Configuration, Credentials]):
    """One provider, opened for one integration.

    Attributes:
        name: its name in addresses and records, lower case.
        title: its name for people (`integrationTypeProviderName`).
        channels: what it can do, by channel.
        configuration_type: what an integration says openly.
        credentials_type: what an integration keeps secret.
        setup: what must be set at the provider so that its webhooks come, given the integration's webhook URL.
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
    def open(
        cls,
        configuration: Mapping[str, JsonValue],
        credentials: Mapping[str, JsonValue],
        http: httpx2.AsyncClient,
        guard: AddressGuard = NOTHING_INSIDE,
    ) -> Self:
        """The provider, ready to work for an integration.

        Args:
            configuration: what the integration says openly.
            credentials: what it keeps secret.
            http: the client to send with, which is guarded itself.
            guard: judges the addresses of connections that are not `http`'s.

        Raises:
            MisconfiguredError: naming the fields that are wrong, never their values.
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
        """What it can do on a channel for an integration of this configuration; None if it is not on the channel."""
        del configuration
        return cls.channels.get(channel)

    @abstractmethod
    async def prepare(self, outbound: Outbound) -> Attempt | Rejected:
        """Compose one message with its credentials, up to its first byte on the wire; or say why it cannot be sent.

        Nothing of the message goes out here, so that whatever this raises is never a lost answer.

        Raises:
            TransientError: when something that the send needs, such as an access token, is not to be had at the moment.
            outbound_guard.ForbiddenAddressError: when the provider is at an address that may not be connected to.
        """

    async def send(self, outbound: Outbound) -> Outcome:
        """Send one message, once: prepare it, and make the attempt.

        The attempt raises, as this does:

        Raises:
            TransientError: only when the provider surely did not take it.
            UnsentError: when the adapter failed before it handed over anything of the message.
            outbound_guard.ForbiddenAddressError: when the provider is at an address that may not be connected to.
        """
        ready = await self.prepare(outbound)
        return ready if isinstance(ready, Rejected) else await ready()

    @abstractmethod
    def verify(self, webhook: Webhook) -> None:
        """Check that the provider signed the webhook for this integration, lately.

        Raises:
            UnverifiedError: if it did not; also when the integration has no secret to check with.
        """

    @abstractmethod
    def parse(self, webhook: Webhook) -> Sequence[WebhookItem]:
        """What a verified webhook tells. Pure; the same webhook gives news with the same keys.

        Raises:
            UnreadableError: if the body is not of the documented form.
        """

    def replay_key(self, webhook: Webhook) -> str | None:
        """What a verified webhook bears only once, where the provider has such a thing (a nonce, a token's id).

        A webhook whose key was taken before is refused.
        """
        del webhook
        return None

    def challenge(self, query: Mapping[str, str]) -> str:
        """The answer to the provider's question whether a webhook's address is ours.

        Raises:
            UnverifiedError: if it does not know the secret that was agreed, or the provider has no such question.
        """
        del query
        raise UnverifiedError(f"{self.title} does not ask for an address")

    async def check(self) -> Check:
        """Ask whether the credentials are good, by calls that send nothing and cost nothing.

        What only signs webhooks is checked where a provider can be asked about it; where not, the provider says so.

        Raises:
            TransientError: when the provider could not be asked.
            outbound_guard.ForbiddenAddressError: when it may not be.
        """
        return Check(
            ok=None,
            reason=both(
                f"{self.title} no tiene ninguna llamada que lo diga sin enviar",
                f"{self.title} has no call that tells without sending",
            ),
        )

    async def find_sent(self, outbound: Outbound, since: datetime) -> Accepted | None:
        """The message that an unanswered send made after all, or None if there is none that is surely it.

        Raises:
            TransientError: when the provider could not be asked.
            outbound_guard.ForbiddenAddressError: when it may not be.
        """
        del outbound, since
        return None


AnyProvider = Provider[Any, Any]
"""A provider of whatever configuration and credentials."""
