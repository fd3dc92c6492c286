"""What is done to the parts and the lines: a plan made from the seed, and its execution."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from bench.faults.environment import Stage
from bench.faults.tcp_proxy import ProxyMode

PARTS: Final = ("mongodb", "temporal", "sandbox", "worker-1", "worker-2", "api", "endpoint")
LINES: Final = ("mongodb", "temporal", "sandbox", "api", "endpoint")


class Kind(StrEnum):
    """What is done."""

    KILL = "kill"
    PAUSE = "pause"
    SLOW = "slow"
    CUT = "cut"
    NONSENSE = "nonsense"


_TARGETS: Final = {
    Kind.KILL: PARTS,
    Kind.PAUSE: PARTS,
    Kind.SLOW: LINES,
    Kind.CUT: LINES,
    Kind.NONSENSE: LINES,
}

_SECONDS: Final = {
    Kind.KILL: (0.1, 3.0),
    # Longer than a worker may be silent while it sends, and than a task may stay with it.
    Kind.PAUSE: (0.5, 14.0),
    Kind.SLOW: (1.0, 8.0),
    Kind.CUT: (0.3, 4.0),
    Kind.NONSENSE: (0.3, 3.0),
}
"""How long each lasts, at least and at most."""

_PAUSE_BETWEEN: Final = (0.2, 2.5)
_MAX_DELAY_SECONDS: Final = 1.0
_LATEST: Final = 5.0
"""Seconds after its time at which a fault may still begin."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; times in seconds since the beginning."""

    begins: float
    kind: Kind
    target: str
    seconds: float
    delay: float


def plan(random: Random, seconds: float) -> list[Fault]:
    """Faults one after another for so long, each ended before the end."""
    faults: list[Fault] = []
    now = random.uniform(*_PAUSE_BETWEEN)
    while now < seconds:
        kind = random.choice(list(Kind))
        lasting = min(random.uniform(*_SECONDS[kind]), seconds - now)
        faults.append(
            Fault(now, kind, random.choice(_TARGETS[kind]), lasting, random.uniform(0.02, _MAX_DELAY_SECONDS))
        )
        now += lasting + random.uniform(*_PAUSE_BETWEEN)
    return faults


async def carry_out(stage: Stage, faults: Sequence[Fault], begun: float) -> list[Fault]:
    """Carry a plan out, from an instant of the event loop's clock; the faults that were done.

    One is left out when the part before it took so long to come back that its own time is over.
    """
    done: list[Fault] = []
    for fault in faults:
        wait = begun + fault.begins - asyncio.get_running_loop().time()
        if wait < -_LATEST:
            continue
        done.append(fault)
        await asyncio.sleep(wait)
        match fault.kind:
            case Kind.KILL:
                await stage.parts[fault.target].killed(fault.seconds)
            case Kind.PAUSE:
                await stage.parts[fault.target].paused(fault.seconds)
            case _:
                line = stage.lines[fault.target]
                await line.change(ProxyMode(fault.kind), fault.delay)
                await asyncio.sleep(fault.seconds)
                await line.change(ProxyMode.CLEAR)
    return done
