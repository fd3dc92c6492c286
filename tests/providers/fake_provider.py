"""Interface of the fake providers, on which the contract suite runs.

To join the suite, a provider adds `tests/providers/fake_providers/<its name>.py` with `FAKE_PROVIDERS`, one class per
channel: it subclasses `FakeProvider` (or `HttpFakeProvider` of `loopback.py`, which adds the server and the ways of
HTTP to lose an answer), describes the provider in class attributes, and implements the abstract methods. Missing
abilities are data too: a provider without receipts has no `status_map`, and one that signs nothing has no `forgeries`.
Nothing is ever skipped.
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
"""Port without a listener, for the URL of a fake provider that has not been started."""

Settings = dict[str, JsonValue]
Forgery = Callable[[Webhook], Webhook]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Message as the fake provider received it.

    Attributes:
        reference: our interaction id, from the protocol's own field.
        provider_message_id: the id that the fake provider assigned.
        callback_url: the requested URL of the receipts; empty if the protocol has none.
    """

    destinations: tuple[str, ...]
    text: str
    reference: str
    provider_message_id: str
    callback_url: str = ""


class FakeProvider(ABC):
    """Fake of a provider on one channel: listens on loopback, and accepts every message by default.

    Attributes:
        provider: the provider that it fakes.
        channel: the channel that is used.
        payload: a message that the provider sends.
        destinations: the recipients of that message.
        refusals: the codes of `refuse`, and the failure class of each.
        throttles: the codes of `throttle`, and the seconds of wait that each asks for, if it does.
        losses: the ways in which `lose_answer` can lose an answer.
        unknown_credentials: unknown credentials, and the code of their refusal.
        check_credentials: the additional credentials that a credentials check needs.
        invalid_credentials: by a word of the reason, the change of such credentials that makes them invalid.
        status_map: the statuses of receipts, and their milestones; empty for a provider without receipts.
        unknown_statuses: possible statuses that are not documented.
        kinds_are_statuses: whether statuses are kinds of events, of which an unknown one gives no items.
        forgeries: by name, the change of a signed webhook that must invalidate it.
        secretless: the credentials without the secret that verifies webhooks; None if there is no such secret.
        bad_configurations: by the field that the error must name, a change that makes the configuration invalid.
        bad_credentials: by the field that the error must name, a change that makes the credentials invalid.
        deliveries: the accepted messages, in order.
        attempts: the number of attempts to send.
        wire_log: what a proxy on the way would log, such as the request lines.
    """

    provider: ClassVar[type[AnyProvider]]
    channel: ClassVar[Channel]
    payload: ClassVar[Payload]
    destinations: ClassVar[tuple[str, ...]] = ("34638766068",)
    refusals: ClassVar[Mapping[str, FailureClass]]
    throttles: ClassVar[Mapping[str, int | None]]
    losses: ClassVar[Iterable[str]]
    unknown_credentials: ClassVar[tuple[Mapping[str, JsonValue], str]]
    check_credentials: ClassVar[Mapping[str, JsonValue]] = {}
    invalid_credentials: ClassVar[Mapping[str, Mapping[str, JsonValue]]]
    status_map: ClassVar[Mapping[str, Milestone]] = {}
    unknown_statuses: ClassVar[Sequence[str]] = ()
    kinds_are_statuses: ClassVar[bool] = False
    forgeries: ClassVar[Mapping[str, Forgery]] = {}
    secretless: ClassVar[Mapping[str, JsonValue] | None] = None
    bad_configurations: ClassVar[Mapping[str, Mapping[str, JsonValue]]]
    bad_credentials: ClassVar[Mapping[str, Mapping[str, JsonValue]]]

    def __init__(self) -> None:
        self.port = CLOSED_PORT
        self.deliveries: list[Delivery] = []
        self.attempts: int = 0
        self.wire_log: list[str] = []

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
        """Start listening on a free port of 127.0.0.1, and return it."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop listening and release all resources."""

    @abstractmethod
    def configuration(self) -> Settings:
        """Return an integration's configuration for `port`."""

    @abstractmethod
    def credentials(self) -> Settings:
        """Return credentials that this fake provider accepts."""

    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """Return the secret values among the credentials."""

    @abstractmethod
    def refuse(self, code: str) -> None:
        """Refuse all further messages with one of `refusals`."""

    @abstractmethod
    def quote(self, code: str) -> None:
        """Refuse all further messages with one of `refusals` in the provider's own form, and quote the request."""

    @abstractmethod
    def throttle(self, code: str) -> None:
        """Ask further messages to wait, with one of `throttles`."""

    @abstractmethod
    def lose_answer(self, loss: str) -> None:
        """Lose all further answers in one of the ways of `losses`."""

    def receipt(self, delivery: Delivery, word: str) -> Webhook:
        """Return the signed webhook with the status `word` of a delivery."""
        raise NotImplementedError(f"{self.label()} has no receipt {word} for {delivery}")

    def finds(self, event: ProviderEvent, delivery: Delivery) -> bool:
        """Whether an item refers to a delivery: by our reference and the provider's id, if the protocol has both."""
        return (event.reference, event.provider_message_id) == (delivery.reference, delivery.provider_message_id)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        """Return the webhook, signed with a secret instead of its own signature."""
        raise NotImplementedError(f"{self.label()} signs nothing, not {webhook} with {secret}")

    def open(self, http: httpx2.AsyncClient, **other_credentials: JsonValue) -> AnyProvider:
        """Open the provider with this fake's settings, except those given."""
        guard = AddressGuard(PRIVATE)
        return self.provider.open(self.configuration(), self.credentials() | other_credentials, http, guard)

    def outbound(self) -> Outbound:
        """Return a message to send to this fake provider."""
        return Outbound(
            reference=REFERENCE,
            channel=self.channel,
            destinations=self.destinations,
            payload=self.payload,
            callback_url=f"https://iris.example/webhooks/{self.provider.name}/685bc5d05a72ed2a5f8d0e42",
        )


def without(header: str) -> Forgery:
    """Omit a header: for signatures, the webhook is unsigned."""
    return lambda webhook: replace(
        webhook, headers={name: value for name, value in webhook.headers.items() if name != header}
    )


def with_another_body(webhook: Webhook) -> Webhook:
    """Add a byte to the body."""
    return replace(webhook, body=webhook.body + b"1")


def with_another_url(webhook: Webhook) -> Webhook:
    """Add a byte to the URL."""
    return replace(webhook, url=webhook.url + "1")
