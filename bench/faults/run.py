"""One run: load and faults for so long, then peace, and the audit."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx2
from temporalio.service import RPCError

from bench.faults.audit import Fault, Finding, audit
from bench.faults.books import WORKFLOWS, Books, interaction_of, pending_callbacks, read_books
from bench.faults.callers import Callers, Order, new_order
from bench.faults.mischief import Fault as PlannedFault
from bench.faults.mischief import carry_out, plan
from bench.faults.stage import Stage, open_stage
from embedded.processes import until
from reconciling import ASKED_FOR, reconcile
from workflows.messages import ReconciliationInput

RECEIPT_WINDOW: Final = timedelta(seconds=45)
"""Short, so that also what is never called back ends within the run."""

SETTLING: Final = timedelta(seconds=150)
"""How long after the last fault everything may take to end: the receipt window, and the longest waits of retries."""

MISCHIEVOUS: Final = 2
"""How many faults may be there at once."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is like.

    Attributes:
        seed: of everything that is left to chance.
        seconds: how long orders are placed and faults happen.
        rate: orders per second.
    """

    seed: int
    seconds: float
    rate: float


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run.

    Attributes:
        settled_seconds: how long after the last fault everything had ended; None if it had not in time.
        own_deaths: how often each part ended although nobody killed it.
        contradictions: what `iris doctor` found afterwards.
    """

    options: RunOptions
    interactions: int
    inbound: int
    messages_taken: int
    faults: Mapping[str, int]
    answers: Mapping[str, int]
    endings: Mapping[str, int]
    own_deaths: Mapping[str, int]
    settled_seconds: float | None
    findings: Sequence[Finding]
    contradictions: Sequence[str]

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept, and everything ended in time."""
        return not self.findings and not self.contradictions and self.settled_seconds is not None

    def count(self, fault: Fault) -> int:
        """How many interactions broke a promise."""
        return len({finding.interaction_id for finding in self.findings if finding.fault is fault})

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "counts": {fault.value: self.count(fault) for fault in Fault}}


async def run(options: RunOptions, directory: Path, say: Say) -> Report:
    """Run the product in a directory, hurt it, and compare the books."""
    random = Random(options.seed)
    plans = [plan(Random(random.random()), options.seconds) for _ in range(MISCHIEVOUS)]
    say(f"seed {options.seed}: {sum(map(len, plans))} faults in {options.seconds:.0f} s; starting the product")
    async with open_stage(directory, random, RECEIPT_WINDOW) as stage:
        headers = {"Authorization": f"Bearer {stage.sandbox_token}"}
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        async with (
            httpx2.AsyncClient(
                base_url=stage.api_url,
                headers={"Authorization": f"Bearer {stage.demo.api_key}"},
                limits=limits,
                trust_env=False,
            ) as api,
            httpx2.AsyncClient(base_url=stage.sandbox_url, headers=headers, limits=limits, trust_env=False) as gateway,
        ):
            callers = Callers(stage, api, gateway)
            watching = [asyncio.create_task(part.keep_alive()) for part in stage.parts.values()]
            try:
                done = await _play(stage, callers, plans, options, random, say)
                settled = await _settle(stage, callers, gateway)
            finally:
                for watch in watching:
                    watch.cancel()
            say("comparing the books")
            books = await read_books(stage, gateway, callers.orders)
            return _report(options, stage, books, done, settled, await _contradictions(stage))


async def _play(  # noqa: PLR0913, PLR0917 - the parts of one run
    stage: Stage,
    callers: Callers,
    plans: Sequence[Sequence[PlannedFault]],
    options: RunOptions,
    random: Random,
    say: Say,
) -> list[PlannedFault]:
    """Place orders while the plans are carried out; the faults that were done."""
    begun = asyncio.get_running_loop().time()
    mischief = asyncio.gather(*(carry_out(stage, faults, begun) for faults in plans))
    number = 0
    while (now := asyncio.get_running_loop().time() - begun) < options.seconds:
        if mischief.done():
            mischief.result()  # ends the run at once if a fault could not be done
        callers.begin(new_order(random, number, stage.demo.integrations, stage.at_most_once))
        number += 1
        if number % max(1, round(options.rate * 10)) == 0:
            answered = sum(order.is_answered for order in callers.orders)
            say(f"{now:5.0f} s  {number} orders, {answered} answered")
        await asyncio.sleep(random.expovariate(options.rate))
    done = await mischief
    say("the last fault is over: waiting until everything has ended")
    return [fault for faults in done for fault in faults]


async def _settle(stage: Stage, callers: Callers, gateway: httpx2.AsyncClient) -> float | None:
    """The seconds until everything has ended; None if it has not in time."""
    healed = time.monotonic()
    try:
        async with asyncio.timeout(SETTLING.total_seconds()):
            await callers.all_answered()
            await until(lambda: _is_settled(stage, callers.orders, gateway))
    except TimeoutError:
        return None
    return round(time.monotonic() - healed, 1)


async def _is_settled(stage: Stage, orders: Sequence[Order], gateway: httpx2.AsyncClient) -> bool:
    await asyncio.sleep(1)
    with suppress(RPCError, httpx2.HTTPError):  # they have only just come back
        running = await stage.temporal.count_workflows(f"{WORKFLOWS} AND ExecutionStatus = 'Running'")
        return running.count == 0 and await pending_callbacks(gateway, orders) == 0
    return False


async def _contradictions(stage: Stage) -> list[str]:
    """What `iris doctor` would say afterwards."""
    start = ReconciliationInput(repairs=False, most=ASKED_FOR, grace=timedelta())
    report = await reconcile(stage.temporal, stage.settings, start, lambda _: None)
    return [finding.sentence() for finding in report.tally.findings] + list(report.unchecked.values())


def _report(  # noqa: PLR0913, PLR0917 - the parts of one report
    options: RunOptions,
    stage: Stage,
    books: Books,
    faults: Sequence[PlannedFault],
    settled: float | None,
    contradictions: Sequence[str],
) -> Report:
    tenant = stage.demo.tenant
    records = [books.records.get(interaction_of(order, tenant)) for order in books.orders.values()]
    return Report(
        options=options,
        interactions=sum(record is not None for record in records),
        inbound=sum(order.is_inbound for order in books.orders.values()),
        messages_taken=sum("taken" in entry.verdicts for entry in books.ledger.values()),
        faults=_counted(f"{fault.kind} {fault.target}" for fault in faults),
        answers=_counted(answer for order in books.orders.values() for answer in order.answers),
        endings=_counted(
            f"{record['status']} {record['custom_status'] or ''}".strip() for record in records if record is not None
        ),
        own_deaths={name: part.own_deaths for name, part in stage.parts.items() if part.own_deaths},
        settled_seconds=settled,
        findings=audit(books),
        contradictions=contradictions,
    )


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
