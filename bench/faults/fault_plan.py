"""Faults of processes and connections: a plan generated from the seed, and its execution."""

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
    """Kind of fault."""

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
"""Minimum and maximum duration of each kind."""

_PAUSE_BETWEEN: Final = (0.2, 2.5)
_MAX_DELAY_SECONDS: Final = 1.0
_LATEST: Final = 5.0
"""Seconds after its scheduled time at which a fault may still start."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; times in seconds since the start of the run."""

    begins: float
    kind: Kind
    target: str
    seconds: float
    delay: float


def plan(random: Random, seconds: float) -> list[Fault]:
    """Generate faults one after another for a duration, each ended before its end."""
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
    """Execute a plan, from an instant of the event loop's clock; return the faults that were injected.

    A fault is skipped when its process is still recovering from the one before at its scheduled time.
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
                line = stage.proxies[fault.target]
                await line.change(ProxyMode(fault.kind), fault.delay)
                await asyncio.sleep(fault.seconds)
                await line.change(ProxyMode.CLEAR)
    return done
