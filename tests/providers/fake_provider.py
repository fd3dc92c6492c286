"""What the contract suite needs to know of the other side of a provider.

To join the suite, a provider adds `tests/providers/fake_providers/<its name>.py` with `FAKE_PROVIDERS`, one class per
channel: it subclasses `FakeProvider` (or `HttpFakeProvider` of `loopback.py`, which brings the server and the ways of
HTTP to lose an answer), says in the class what the provider's side does, and implements the abstract methods. What a
provider cannot do is data too: a provider without receipts has no `words`, and one that signs nothing has no
`forgeries`. Nothing is ever skipped.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import ClassVar, Final, Self

import httpx2
from pydantic import JsonValue

from domain.channels import Channel
from domain.events import ProviderEvent
from domain.outcomes import FailureClass
from domain.payloads import Payload
from domain.status import Milestone
from providers.base import AnyProvider, Outbound, Webhook
from security.ssrf_guard import PRIVATE, AddressGuard

REFERENCE: Final = "685bc5d05a72ed2a5f8d0e41"
NOW: Final = datetime(2026, 7, 21, 10, 30, tzinfo=UTC)
CLOSED_PORT: Final = 1
"""Where nobody listens: what a far end's address names until it is entered."""

Settings = dict[str, JsonValue]
Forgery = Callable[[Webhook], Webhook]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as the far end understood it.

    Attributes:
        reference: ours, wherever the far end's protocol carries it.
        provider_message_id: the id that the far end gave it.
        callback_url: where it was asked to tell the receipts; empty where the protocol has no such thing.
    """

    destinations: tuple[str, ...]
    text: str
    reference: str
    provider_message_id: str
    callback_url: str = ""


class FakeProvider(ABC):
    """The other side of a provider on one channel: listens on loopback, and takes every message until told otherwise.

    Attributes:
        provider: the provider whose other side this is.
        channel: the channel that is used.
        payload: a message that the provider sends.
        destinations: to whom.
        refusals: what `refuse` can say, and the class that each becomes.
        throttles: what `throttle` can say, and the seconds that each asks to wait, if it does.
        losses: the ways in which `lose_answer` can lose an answer.
        stranger: the credentials of somebody whom the far end does not know, and the code of its refusal.
        checked_by: what the credentials need besides so that the far end can be asked about them.
        suspects: by a word of the reason, what is changed in such credentials so that the far end says no.
        words: what a receipt can say, and what it means; empty for a provider that tells nothing.
        unknown_words: words that a receipt might say some day.
        kinds_are_words: whether there are no words but kinds of events, of which an unknown one tells nothing.
        forgeries: by name, how a signed webhook becomes one that must not be believed.
        secretless: the credentials without the secret that webhooks are checked with; None where there is none.
        bad_configurations: by the field that the error must name, what makes the configuration wrong.
        bad_credentials: by the field that the error must name, what makes the credentials wrong.
        deliveries: what it took, in order.
        attempts: how often somebody tried to send.
        overheard: what a proxy on the way would log, such as the request lines.
    """

    provider: ClassVar[type[AnyProvider]]
    channel: ClassVar[Channel]
    payload: ClassVar[Payload]
    destinations: ClassVar[tuple[str, ...]] = ("34638766068",)
    refusals: ClassVar[Mapping[str, FailureClass]]
    throttles: ClassVar[Mapping[str, int | None]]
    losses: ClassVar[Iterable[str]]
    stranger: ClassVar[tuple[Mapping[str, JsonValue], str]]
    checked_by: ClassVar[Mapping[str, JsonValue]] = {}
    suspects: ClassVar[Mapping[str, Mapping[str, JsonValue]]]
    words: ClassVar[Mapping[str, Milestone]] = {}
    unknown_words: ClassVar[Sequence[str]] = ()
    kinds_are_words: ClassVar[bool] = False
    forgeries: ClassVar[Mapping[str, Forgery]] = {}
    secretless: ClassVar[Mapping[str, JsonValue] | None] = None
    bad_configurations: ClassVar[Mapping[str, Mapping[str, JsonValue]]]
    bad_credentials: ClassVar[Mapping[str, Mapping[str, JsonValue]]]

    def __init__(self) -> None:
        self.port = CLOSED_PORT
        self.deliveries: list[Delivery] = []
        self.attempts: int = 0
        self.overheard: list[str] = []

    @classmethod
    def label(cls) -> str:
        return f"{cls.provider.name}-{cls.channel}"

    async def __aenter__(self) -> Self:
        self.port = await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @abstractmethod
    async def listen(self) -> int:
        """Start listening on a free port of 127.0.0.1; the port."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop listening and let go of everything."""

    @abstractmethod
    def configuration(self) -> Settings:
        """An integration's configuration that leads to `port`."""

    @abstractmethod
    def credentials(self) -> Settings:
        """Credentials that this far end knows."""

    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """The values among the credentials that nobody else may see."""

    @abstractmethod
    def refuse(self, code: str) -> None:
        """From now on, refuse with one of `refusals`."""

    @abstractmethod
    def quote(self, code: str) -> None:
        """From now on, refuse with one of `refusals` in the far end's own form, and quote what it was told."""

    @abstractmethod
    def throttle(self, code: str) -> None:
        """From now on, ask to send later, with one of `throttles`."""

    @abstractmethod
    def lose_answer(self, loss: str) -> None:
        """From now on, lose the answer in one of the ways of `losses`."""

    def receipt(self, delivery: Delivery, word: str) -> Webhook:
        """The signed webhook that tells `word` of a delivery."""
        raise NotImplementedError(f"{self.label()} tells {word} of nothing, not of {delivery}")

    def finds(self, event: ProviderEvent, delivery: Delivery) -> bool:
        """Whether news leads to a delivery: by our reference and the far end's id, if its protocol bears both."""
        return (event.reference, event.provider_message_id) == (delivery.reference, delivery.provider_message_id)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        """The webhook, signed with a secret in place of whatever signature it had."""
        raise NotImplementedError(f"{self.label()} signs nothing, not {webhook} with {secret}")

    def open(self, http: httpx2.AsyncClient, **other_credentials: JsonValue) -> AnyProvider:
        """The provider, opened with this far end's settings, but for those given."""
        guard = AddressGuard(PRIVATE)
        return self.provider.open(self.configuration(), self.credentials() | other_credentials, http, guard)

    def outbound(self) -> Outbound:
        """A message to send to this far end."""
        return Outbound(
            reference=REFERENCE,
            channel=self.channel,
            destinations=self.destinations,
            payload=self.payload,
            callback_url=f"https://iris.example/webhooks/{self.provider.name}/685bc5d05a72ed2a5f8d0e42",
        )


def without(header: str) -> Forgery:
    """Leaves a header out: for signatures, the webhook is unsigned."""
    return lambda webhook: replace(
        webhook, headers={name: value for name, value in webhook.headers.items() if name != header}
    )


def with_another_body(webhook: Webhook) -> Webhook:
    """Adds a byte to the body."""
    return replace(webhook, body=webhook.body + b"1")


def with_another_url(webhook: Webhook) -> Webhook:
    """Adds a byte to the address."""
    return replace(webhook, url=webhook.url + "1")
