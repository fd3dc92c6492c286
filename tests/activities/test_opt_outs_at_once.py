"""An opt-out and a send at the same instant: the send is refused, or goes as if it had come before; nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

from domain.clock import to_milliseconds, utc_now
from domain.destinations import DestinationKind
from domain.gate.consent import ConsentCategory, ConsentChange, ConsentSource, ConsentState, Coverage
from domain.gate.decision import Go, Refuse
from domain.submission import Submission
from models.interaction import Interaction
from tests.activities.factories import CONSENTS, GATE, World

RACES = 200
HEAD_START = 0.005

MayGo = Callable[[], Awaitable[bool]]


async def stop(world: World, integration_id: str, number: str) -> None:
    change = ConsentChange(
        kind=DestinationKind.PHONE_NUMBER,
        value=number,
        coverage=Coverage.of_sender(integration_id, ConsentCategory.ALL),
        state=ConsentState.OUT,
        source=ConsentSource.KEYWORD,
        at=to_milliseconds(utc_now()),
    )
    assert await CONSENTS.record(world.tenant, [change]) == 1


def at_admission(submission: Submission) -> MayGo:
    """Whether a send goes, when it is admitted; a refusal says why."""

    async def may_go() -> bool:
        codes = [problem.code for problem in await GATE.refusals_of(submission.recipients)]
        assert codes in ([], ["recipient_opted_out"])
        return not codes

    return may_go


def when_released(submission: Submission) -> MayGo:
    """Whether a message that the gate holds goes, when it is asked again; a refusal says why."""
    held = Interaction.registered(submission.registered(), submission.fingerprint, registered_by="run-1")

    async def may_go() -> bool:
        decision = await GATE.decide(held, None, utc_now())
        if isinstance(decision, Refuse):
            assert (decision.problem.code, decision.custom_status) == ("recipient_opted_out", "suppressed")
            return False
        assert isinstance(decision, Go)
        return True

    return may_go


async def test_a_send_and_an_opt_out_at_the_same_instant(world: World) -> None:
    """In a third of the races the opt-out has a head start, in another third the send has one."""
    integration = await world.integration()
    clock = asyncio.get_running_loop().time

    async def race(position: int) -> None:
        number = f"34{600_000_000 + position}"
        submission = await world.submission(integration, destinations=[number])
        may_go = (at_admission, when_released)[position % 2](submission)
        wait_of_send, wait_of_stop = ((HEAD_START, 0), (0, 0), (0, HEAD_START))[position % 3]

        async def sent() -> tuple[float, bool]:
            await asyncio.sleep(wait_of_send)
            return clock(), await may_go()

        async def stopped() -> float:
            await asyncio.sleep(wait_of_stop)
            await stop(world, integration.id, number)
            return clock()

        (begun, went), answered = await asyncio.gather(sent(), stopped())
        assert not went or begun < answered
        assert not await may_go()

    for begin in range(0, RACES, 20):
        await asyncio.gather(*map(race, range(begin, begin + 20)))
