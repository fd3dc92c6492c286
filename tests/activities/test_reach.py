"""Limits of reach: counted once for each message, exactly under concurrency, and recorded when they are reached."""

import asyncio
from datetime import timedelta
from typing import Any

from domain.clock import utc_now
from domain.destinations import Destination
from domain.gate.category import Category
from domain.gate.velocity import DAY, LimitAction, Per, period_begin
from domain.submission import Submission
from models.reach_count import ReachCount
from queries.reach import Reach
from queries.sending_rules import TenantRules
from tests.activities.factories import World

NUMBER = "34638766068"


async def reach_of(world: World, **settings: object) -> Reach:
    rules = TenantRules(timedelta(hours=1))
    await rules.change(world.tenant, {"reach": settings}, None)
    return Reach(rules)


async def code_to(world: World, number: str = NUMBER) -> Submission:
    return await world.submission(destinations=[number], category=Category.AUTHENTICATION)


async def counted(reach: Reach, submission: Submission) -> list[str]:
    """The problems of counting a message."""
    destinations: list[Destination]
    destinations, _ = submission.parsed_destinations(submission.integration.channel)
    return [problem.code for problem in await reach.count(submission, destinations)]


def limit(action: str, number: int = 3) -> dict[str, Any]:
    return {"limit": number, "every": "P1D", "action": action}


async def reached(world: World) -> list[tuple[Per, str, LimitAction, int]]:
    found = await ReachCount.find({"tenant": world.tenant, "reached": {"$exists": True}}).to_list()
    return [(one.per, one.subject, one.action, one.number) for one in found]


async def test_exactly_the_limit_goes_however_many_come_at_once(world: World) -> None:
    reach = await reach_of(world, velocity={"destination": limit("block")})
    messages = [await code_to(world) for _ in range(10)]
    answers = await asyncio.gather(*(counted(reach, message) for message in messages))
    assert sorted(answers) == [[]] * 3 + [["destination_limit_reached"]] * 7
    assert await counted(reach, await code_to(world, "34638766069")) == []
    assert await reached(world) == [(Per.DESTINATION, "3463876****", LimitAction.BLOCK, 3)]
    # An activity that is repeated after its worker died does not refuse what it had counted.
    went = [message for message, codes in zip(messages, answers, strict=True) if not codes]
    assert [await counted(reach, message) for message in went] == [[], [], []]


async def test_a_limit_that_monitors_lets_all_go_and_is_recorded_once(world: World) -> None:
    reach = await reach_of(world, velocity={"prefix": limit("monitor")})
    for last in range(6):
        assert await counted(reach, await code_to(world, f"3463876606{last}")) == []
    assert await reached(world) == [(Per.PREFIX, "3463876****", LimitAction.MONITOR, 3)]


async def test_a_country_is_limited_by_its_mean_of_the_week_before(world: World) -> None:
    today = period_begin(utc_now(), DAY)
    for days in range(1, 8):
        begins = today - DAY * days
        count = ReachCount(
            id=ReachCount.id_of(world.tenant, Per.COUNTRY, "ES", begins),
            tenant=world.tenant,
            per=Per.COUNTRY,
            subject="ES",
            number=2 if days % 2 else 0,
            limit=100,
            action=LimitAction.BLOCK,
            begins=begins,
            ends=begins + DAY,
            expires=today + DAY * 2,
        )
        await count.insert()
    # 8 messages in 7 days, times 4, is 4 a day
    reach = await reach_of(world, velocity={"country": {"times": 4, "atLeast": 1, "action": "block"}})
    answers = [await counted(reach, await code_to(world, f"3463876600{last}")) for last in range(6)]
    assert answers == [[]] * 4 + [["country_limit_reached"]] * 2


async def test_the_messages_to_a_monitored_country_are_counted_whatever_they_are(world: World) -> None:
    rules = [{"countries": {"ES": "allow", "*": "monitor"}}]
    reach = await reach_of(world, rules=rules, monitoredPerDay=1)
    for number in (NUMBER, "33612345678", "33612345679"):
        assert await counted(reach, await world.submission(destinations=[number])) == []
    assert await reached(world) == [(Per.MONITORED, "FR", LimitAction.MONITOR, 1)]
