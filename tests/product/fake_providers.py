"""Fake providers for tests of the whole product: they can be busy, and delay or lose responses."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, ClassVar, Final, cast

from domain.status import Milestone
from providers.base import Provider
from tests.providers.fake_provider import Delivery, FakeProvider
from tests.providers.fake_providers import FAKE_PROVIDERS
from tests.providers.fake_providers.meta import Messenger
from tests.providers.fake_providers.smtp import SmtpEmail
from tests.providers.loopback import HttpFakeProvider, HttpRequest, page
from tests.providers.smtp.servers import CLOSE, Reply


class FaultyProvider(FakeProvider):
    """A fake provider with configurable failures.

    Attributes:
        busy: number of attempts that it still throttles.
        loses_responses: whether it accepts messages and closes the connection without a response.
        drops_requests: whether it closes the connection without accepting them.
        sends_garbage: whether its response does not identify the accepted message.
        before_response: called with an accepted message before the response.
    """

    busy: int = 0
    loses_responses: bool = False
    drops_requests: bool = False
    sends_garbage: bool = False
    before_response: Callable[[Delivery], Awaitable[object]] | None = None

    @property
    def echoes(self) -> bool:
        """Whether only its echoes contain our reference."""
        return "echo" in self.status_map


class _FaultyHttp(FaultyProvider, HttpFakeProvider):
    """Configurable failures of HTTP providers."""

    genuine: ClassVar[type[HttpFakeProvider]]

    async def take(self, request: HttpRequest) -> bytes:
        if request.method != "POST":
            return page(HTTPStatus.BAD_GATEWAY) if self.sends_garbage else await self.genuine.take(self, request)
        if self.drops_requests:
            return b""
        if self.busy:
            self.busy -= 1
            return self.error_body(next(iter(self.throttles)))
        answer = await self.genuine.take(self, request)
        if self.before_response is not None:
            await self.before_response(self.deliveries[-1])
        return b"" if self.loses_responses else answer


class FaultyMailServer(FaultyProvider, SmtpEmail):
    """Configurable failures of a mail server, which responds before it can do anything else."""

    def _count(self, _command: str) -> Reply:
        reply = super()._count(_command)
        if not self.busy:
            return reply
        self.busy -= 1
        return b"421 4.3.2 later\r\n"

    def _take(self, _command: str) -> Reply:
        reply = super()._take(_command)
        return CLOSE if self.loses_responses else reply


def _faulty(fake_provider: type[FakeProvider]) -> type[FaultyProvider]:
    if not issubclass(fake_provider, HttpFakeProvider):
        return FaultyMailServer
    # Without a time to wait from the provider, the product's own first delay is a second.
    attributes = {"genuine": fake_provider, "throttles": dict.fromkeys(fake_provider.throttles)}
    return cast(
        "type[FaultyProvider]", type(f"Faulty{fake_provider.__name__}", (_FaultyHttp, fake_provider), attributes)
    )


VENDORS: Final = tuple(
    _faulty(fake_provider) for fake_provider in FAKE_PROVIDERS if fake_provider.provider.name != "sandbox"
)
"""Every provider on each of its channels, except our own sandbox, which all other tests of the product use."""


ONE_OF_EACH: Final = tuple(
    {
        (vendor.provider, issubclass(vendor, Messenger)): vendor
        for vendor in sorted(VENDORS, key=lambda vendor: len(vendor.status_map))
    }.values()
)
"""One per kind of status event, on the channel with the most statuses: Meta alone has two kinds."""


def label(fake_provider: type[FakeProvider]) -> str:
    return fake_provider.label()


def statuses_of(fake_provider: FakeProvider) -> list[str]:
    """Statuses that it can report of a successful message, in their order.

    Only some mail servers report a delivery, so that is not among the provider's statuses.
    """
    means = [
        *fake_provider.status_map.items(),
        *([("delivered", Milestone.DELIVERED)] if isinstance(fake_provider, SmtpEmail) else []),
    ]
    word_of = {milestone: word for word, milestone in reversed(means)}
    sent = word_of.get(Milestone.SENT) or word_of[Milestone.ACCEPTED]
    return [sent, *(word_of[milestone] for milestone in (Milestone.DELIVERED, Milestone.READ) if milestone in word_of)]


def bears_a_nonce(fake_provider: type[FakeProvider]) -> bool:
    """Whether its webhooks contain a nonce."""
    return fake_provider.provider.nonce is not Provider[Any, Any].nonce
