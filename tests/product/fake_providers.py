"""The providers' far ends as the whole product meets them: busy ones, and ones whose answers are late or lost."""

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
from tests.providers.smtp_servers import CLOSE, Reply


class Moody(FakeProvider):
    """A far end with moods.

    Attributes:
        busy: how many more attempts it asks to come again later.
        loses_answers: whether it takes messages and hangs up without an answer.
        is_deaf: whether it hangs up without taking them.
        is_confused: whether it cannot say what it took.
        before_answering: what it does with a message that it took, before it says so.
    """

    busy: int = 0
    loses_answers: bool = False
    is_deaf: bool = False
    is_confused: bool = False
    before_answering: Callable[[Delivery], Awaitable[object]] | None = None

    @property
    def echoes(self) -> bool:
        """Whether only its echoes bear our reference."""
        return "echo" in self.words


class _MoodyHttp(Moody, HttpFakeProvider):
    """The moods of far ends that speak HTTP."""

    genuine: ClassVar[type[HttpFakeProvider]]

    async def take(self, request: HttpRequest) -> bytes:
        if request.method != "POST":
            return page(HTTPStatus.BAD_GATEWAY) if self.is_confused else await self.genuine.take(self, request)
        if self.is_deaf:
            return b""
        if self.busy:
            self.busy -= 1
            return self.complaint(next(iter(self.throttles)))
        answer = await self.genuine.take(self, request)
        if self.before_answering is not None:
            await self.before_answering(self.deliveries[-1])
        return b"" if self.loses_answers else answer


class MoodyMail(Moody, SmtpEmail):
    """The moods of a mail server, which answers before it can do anything else."""

    def _count(self, _command: str) -> Reply:
        reply = super()._count(_command)
        if not self.busy:
            return reply
        self.busy -= 1
        return b"421 4.3.2 later\r\n"

    def _take(self, _command: str) -> Reply:
        reply = super()._take(_command)
        return CLOSE if self.loses_answers else reply


def _moody(fake_provider: type[FakeProvider]) -> type[Moody]:
    if not issubclass(fake_provider, HttpFakeProvider):
        return MoodyMail
    # Nobody names a time to wait: the product's own first wait is a second.
    mood = {"genuine": fake_provider, "throttles": dict.fromkeys(fake_provider.throttles)}
    return cast("type[Moody]", type(f"Moody{fake_provider.__name__}", (_MoodyHttp, fake_provider), mood))


VENDORS: Final = tuple(
    _moody(fake_provider) for fake_provider in FAKE_PROVIDERS if fake_provider.provider.name != "sandbox"
)
"""Every provider on each of its channels, but for our own sandbox, with which all other tests of the product send."""


ONE_OF_EACH: Final = tuple(
    {
        (vendor.provider, issubclass(vendor, Messenger)): vendor
        for vendor in sorted(VENDORS, key=lambda vendor: len(vendor.words))
    }.values()
)
"""One for each way to tell news, on the channel that has most to tell: Meta alone tells of two in different ways."""


def label(fake_provider: type[FakeProvider]) -> str:
    return fake_provider.label()


def words_of(fake_provider: FakeProvider) -> list[str]:
    """What it can tell of a message that goes well, in the order in which it happens.

    Mail is told of as delivered by some servers only, which is why that is not among the provider's words.
    """
    means = [
        *fake_provider.words.items(),
        *([("delivered", Milestone.DELIVERED)] if isinstance(fake_provider, SmtpEmail) else []),
    ]
    word_of = {milestone: word for word, milestone in reversed(means)}
    sent = word_of.get(Milestone.SENT) or word_of[Milestone.ACCEPTED]
    return [sent, *(word_of[milestone] for milestone in (Milestone.DELIVERED, Milestone.READ) if milestone in word_of)]


def bears_a_nonce(fake_provider: type[FakeProvider]) -> bool:
    """Whether its webhooks bear something only once."""
    return fake_provider.provider.replay_key is not Provider[Any, Any].replay_key
