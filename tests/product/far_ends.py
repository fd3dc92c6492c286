"""The providers' far ends as the whole product meets them: busy ones, and ones whose answers are late or lost."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, ClassVar, Final, cast

from domain.status import Milestone
from providers.base import Provider
from tests.providers.far_end import Delivery, FarEnd
from tests.providers.far_ends import FAR_ENDS
from tests.providers.far_ends.meta import Messenger
from tests.providers.far_ends.smtp import SmtpEmail
from tests.providers.loopback import HttpFarEnd, HttpRequest, page
from tests.providers.smtp_servers import CLOSE, Reply


class Moody(FarEnd):
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


class _MoodyHttp(Moody, HttpFarEnd):
    """The moods of far ends that speak HTTP."""

    genuine: ClassVar[type[HttpFarEnd]]

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


def _moody(far_end: type[FarEnd]) -> type[Moody]:
    if not issubclass(far_end, HttpFarEnd):
        return MoodyMail
    # Nobody names a time to wait: the product's own first wait is a second.
    mood = {"genuine": far_end, "throttles": dict.fromkeys(far_end.throttles)}
    return cast("type[Moody]", type(f"Moody{far_end.__name__}", (_MoodyHttp, far_end), mood))


VENDORS: Final = tuple(_moody(far_end) for far_end in FAR_ENDS if far_end.provider.name != "sandbox")
"""Every provider on each of its channels, but for our own sandbox, with which all other tests of the product send."""


ONE_OF_EACH: Final = tuple(
    {
        (vendor.provider, issubclass(vendor, Messenger)): vendor
        for vendor in sorted(VENDORS, key=lambda vendor: len(vendor.words))
    }.values()
)
"""One for each way to tell news, on the channel that has most to tell: Meta alone tells of two in different ways."""


def label(far_end: type[FarEnd]) -> str:
    return far_end.label()


def words_of(far_end: FarEnd) -> list[str]:
    """What it can tell of a message that goes well, in the order in which it happens.

    Mail is told of as delivered by some servers only, which is why that is not among the provider's words.
    """
    means = [*far_end.words.items(), *([("delivered", Milestone.DELIVERED)] if isinstance(far_end, SmtpEmail) else [])]
    word_of = {milestone: word for word, milestone in reversed(means)}
    sent = word_of.get(Milestone.SENT) or word_of[Milestone.ACCEPTED]
    return [sent, *(word_of[milestone] for milestone in (Milestone.DELIVERED, Milestone.READ) if milestone in word_of)]


def bears_a_nonce(far_end: type[FarEnd]) -> bool:
    """Whether its webhooks bear something only once."""
    return far_end.provider.replay_key is not Provider[Any, Any].replay_key
