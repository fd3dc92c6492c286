"""One fault test: load and faults for a duration, then recovery, and the audit."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx2
from pymongo.errors import PyMongoError
from temporalio.service import RPCError

from bench.faults.audit import Fault, Finding, audit
from bench.faults.environment import RATE, Stage, open_stage
from bench.faults.fault_plan import Fault as PlannedFault
from bench.faults.fault_plan import carry_out, plan
from bench.faults.load_generator import Callers
from bench.faults.observations import Observations, UnreadableError, in_time, pending_callbacks, read_observations
from bench.faults.requests import new_order, volley
from domain.discrepancies import DiscrepancyCounts, Kind
from domain.webhook_events import NotificationState
from temporal.reconciliation import ASKED_FOR, reconcile
from workflows.messages import ReconciliationInput
from workflows.messages import Report as ReconciliationReport

RECEIPT_WINDOW: Final = timedelta(seconds=45)
"""# Short, so that sends without a callback also end within the run."""

SETTLING: Final = timedelta(seconds=240)
"""Maximum time to finish after the last fault: the receipt window, a merge and an erasure after it, and the longest
retry delays.
"""

_HEALING: Final = timedelta(seconds=120)
"""Maximum delay of the last faults beyond their time: a killed process serves again."""

_ON_ITS_WAY: Final = timedelta(seconds=10)
"""Maximum delay until started work begins."""

_BETWEEN_WORDS: Final = 10
"""Seconds between reports of pending work."""

_WORKFLOWS: Final = "WorkflowType IN ('Interaction', 'InboundMessage', 'Notification', 'Merge', 'Erasure', 'Strategy')"

PLANS: Final = 2
"""Maximum number of concurrent faults."""

_BETWEEN_VOLLEYS: Final = 100
"""Seconds between volleys of orders through the integration with a throttle."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run.

    Attributes:
        seed: of all random decisions.
        seconds: how long orders are sent and faults are injected.
        rate: orders per second.
    """

    seed: int
    seconds: float
    rate: float


@dataclass(frozen=True, slots=True)
class Settled:
    """Recovery after the last fault.

    Attributes:
        seconds: until everything had ended; None if it did not end in time.
        left: number of unfinished items at the timeout, by kind.
        begun: number of notifications that the reconciliation started.
        lost: descriptions of the workflows that it had to restart: none may be lost.
    """

    seconds: float | None
    left: Mapping[str, int]
    begun: int
    lost: Sequence[str]


@dataclass(frozen=True, slots=True)
class Report:
    """Result of a run.

    Attributes:
        own_deaths: number of times that each process ended without being killed.
        unread: the source that could not be read, if any: then there are no findings.
        contradictions: what `iris doctor` found afterwards.
    """

    options: RunOptions
    faults: Mapping[str, int]
    own_deaths: Mapping[str, int]
    settled: Settled
    contradictions: Sequence[str]
    unread: str = ""
    interactions: int = 0
    inbound: int = 0
    messages_accepted: int = 0
    webhook_calls: int = 0
    answers: Mapping[str, int] = field(default_factory=dict[str, int])
    demands: Mapping[str, int] = field(default_factory=dict[str, int])
    endings: Mapping[str, int] = field(default_factory=dict[str, int])
    findings: Sequence[Finding] = ()

    @property
    def is_good(self) -> bool:
        """Whether there is no violation, and everything ended in time."""
        return not (self.findings or self.contradictions or self.unread) and self.settled.seconds is not None

    def count(self, fault: Fault) -> int:
        """Number of interactions with a violation."""
        return len({finding.interaction_id for finding in self.findings if finding.fault is fault})

    def as_json(self) -> dict[str, Any]:
        """JSON form, for programs."""
        return {**asdict(self), "counts": {fault.value: self.count(fault) for fault in Fault}}


async def run(options: RunOptions, directory: Path, say: Say) -> Report:
    """Run the product in a directory, inject faults, and compare the observations.

    Raises:
        TimeoutError: if a process does not recover from its last fault.
    """
    random = Random(options.seed)
    plans = [plan(Random(random.random()), options.seconds) for _ in range(PLANS)]
    say(f"seed {options.seed}: {sum(map(len, plans))} faults in {options.seconds:.0f} s; starting the product")
    async with (
        open_stage(directory, random, RECEIPT_WINDOW) as stage,
        _calling(stage.api_url, stage.demo.api_key) as api,
        _calling(stage.sandbox_url, stage.sandbox_token) as gateway,
    ):
        callers = Callers(stage, api, gateway, random)
        watching = [asyncio.create_task(part.keep_alive()) for part in stage.parts.values()]
        try:
            async with asyncio.timeout(options.seconds + _HEALING.total_seconds()):
                done = await _play(stage, callers, plans, options, random, say)
            settled = await _settle(stage, callers, gateway, say)
        finally:
            await callers.give_up()
            for watch in watching:
                watch.cancel()
        say(f"waited in vain for {_words(settled.left)}" if settled.left else f"it took {settled.seconds} s")
        say("comparing the books")
        report = Report(
            options=options,
            faults=_counted(f"{fault.kind} {fault.target}" for fault in done),
            own_deaths={name: part.own_deaths for name, part in stage.parts.items() if part.own_deaths},
            settled=settled,
            contradictions=[*settled.lost, *await _contradictions(stage)],
        )
        try:
            observations = await read_observations(stage, gateway, callers.orders, callers.demands)
        except UnreadableError as error:
            return replace(report, unread=str(error))
        return _compared(report, observations)


def _calling(url: str, token: str) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(base_url=url, headers=headers, limits=limits, trust_env=False)


async def _play(  # noqa: PLR0913, PLR0917 - the parts of one run
    stage: Stage,
    callers: Callers,
    plans: Sequence[Sequence[PlannedFault]],
    options: RunOptions,
    random: Random,
    say: Say,
) -> list[PlannedFault]:
    """Send orders while the plans are executed; return the injected faults."""
    begun = asyncio.get_running_loop().time()
    fault_plan = asyncio.gather(*(carry_out(stage, faults, begun) for faults in plans))
    number = volleys = 0
    while (now := asyncio.get_running_loop().time() - begun) < options.seconds:
        if fault_plan.done():
            fault_plan.result()  # ends the run at once if a fault could not be injected
        if now >= volleys * _BETWEEN_VOLLEYS:
            for order in volley(random, volleys, stage.demo, stage.throttled, RATE):
                callers.begin(order)
            volleys += 1
        is_early = now < options.seconds / 2
        callers.begin(new_order(random, number, stage.demo, stage.at_most_once, is_early=is_early))
        number += 1
        if number % max(1, round(options.rate * 10)) == 0:
            answered = sum(order.is_answered for order in callers.orders)
            say(f"{now:5.0f} s  {number} orders, {answered} answered")
        await asyncio.sleep(random.expovariate(options.rate))
    done = await fault_plan
    say("the last fault is over: waiting until everything has ended")
    return [fault for faults in done for fault in faults]


async def _settle(stage: Stage, callers: Callers, gateway: httpx2.AsyncClient, say: Say) -> Settled:
    """Wait until everything has ended.

    Events that Temporal did not accept at once are published when the reconciliation finds them: here soon, as when
    somebody runs `iris doctor` after recovery.
    """
    healed, left, repaired = time.monotonic(), {"everything": 1}, DiscrepancyCounts()
    next_visit, next_word = healed, healed + _BETWEEN_WORDS
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLING.total_seconds()):
            while left:
                await asyncio.sleep(1)
                if time.monotonic() >= next_word:
                    say(f"{time.monotonic() - healed:5.0f} s  {_words(left)} left")
                    next_word = time.monotonic() + _BETWEEN_WORDS
                with suppress(RPCError, httpx2.HTTPError, PyMongoError):  # they have just restarted
                    left = await _left(stage, callers, gateway)
                    is_only_undelivered = "notifications" in left and left.keys() <= {"notifications", "workflows"}
                    if is_only_undelivered and time.monotonic() >= next_visit:
                        repaired = repaired.plus((await _doctor(stage, _ON_ITS_WAY, repairs=True)).counts)
                        next_visit = time.monotonic() + _ON_ITS_WAY.total_seconds()
    lost = [finding.sentence() for finding in repaired.discrepancies if finding.kind is Kind.WORKFLOW_LOST]
    begun = repaired.repaired.get(Kind.NOTIFICATION_LOST, 0)
    return Settled(None if left else round(time.monotonic() - healed, 1), left, begun, lost)


async def _left(stage: Stage, callers: Callers, gateway: httpx2.AsyncClient) -> dict[str, int]:
    """Number of unfinished items, by kind."""
    running = await stage.temporal.count_workflows(f"{_WORKFLOWS} AND ExecutionStatus = 'Running'")
    pending = {"state": NotificationState.PENDING.value}
    counts = {
        "callers": callers.unanswered,
        "workflows": running.count,
        "callbacks": await pending_callbacks(gateway, callers.orders),
        "notifications": await stage.database.notifications.count_documents(pending),
    }
    return {name: number for name, number in counts.items() if number}


async def _contradictions(stage: Stage) -> list[str]:
    """Run `iris doctor`'s comparison afterwards."""
    try:
        report = await in_time("`iris doctor`'s report", _doctor(stage, timedelta(), repairs=False))
    except UnreadableError as error:
        return [str(error)]
    return [finding.sentence() for finding in report.counts.discrepancies] + list(report.unchecked.values())


async def _doctor(stage: Stage, grace: timedelta, *, repairs: bool) -> ReconciliationReport:
    start = ReconciliationInput(repairs=repairs, max_items=ASKED_FOR, grace=grace)
    return await reconcile(stage.temporal, stage.settings, start, lambda _: None)


def _compared(report: Report, observations: Observations) -> Report:
    """Add the audit of the observations to the report."""
    records = [record for key in observations.orders if (record := observations.records.get(key)) is not None]
    return replace(
        report,
        interactions=len(records),
        inbound=sum(order.is_inbound for order in observations.orders.values()),
        messages_accepted=sum("accepted" in entry.verdicts for entry in observations.ledger.values()),
        webhook_calls=sum(map(len, observations.deliveries.values())),
        answers=_counted(
            answer for asked in (*observations.orders.values(), *observations.demands) for answer in asked.answers
        ),
        demands=_counted(
            [
                *(f"{demand.follow_up} {demand.result}" for demand in observations.demands),
                *(
                    f"resend {'refused' if order.is_refused else 'done'}"
                    for order in observations.orders.values()
                    if order.repeats is not None and order.is_answered
                ),
            ]
        ),
        endings=_counted(f"{record['status']} {record['custom_status'] or ''}".strip() for record in records),
        findings=audit(observations),
    )


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
