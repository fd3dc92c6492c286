"""Measurements: each baseline in turn, several rounds, so that disturbances of the machine affect all."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any, Final

from bench.history_cost import Figures, figures_of
from bench.speed.drivers import Driver, drive
from bench.speed.stage import Stage

LIVES: Final[Mapping[int, int]] = {1: 25, 10: 150, 50: 300, 100: 400}
"""Runs per round, by concurrency."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Round:
    """Result of one round of one baseline.

    Attributes:
        per_second: end-to-end runs.
        p50, p90, p99: of the call, in milliseconds.
        cpu: CPU milliseconds per run, by process.
        commands: MongoDB commands per run.
    """

    per_second: float
    p50: float
    p90: float
    p99: float
    cpu: Mapping[str, float]
    commands: float

    @property
    def cpu_total(self) -> float:
        """CPU milliseconds per run, of all processes but the callers."""
        return sum(used for name, used in self.cpu.items() if name != "callers")


@dataclass
class Results:
    """All rounds, by concurrency and by baseline."""

    rounds: dict[int, dict[str, list[Round]]] = field(default_factory=dict[int, dict[str, list[Round]]])
    figures: Figures | None = None
    history_bytes: int = 0
    memory: Mapping[str, int] = field(default_factory=dict[str, int])

    def median(self, concurrency: int, shape: str, of: Callable[[Round], float]) -> float:
        """Median over the rounds of a baseline."""
        return median(map(of, self.rounds[concurrency][shape]))

    def ratio(self, concurrency: int, shape: str, other: str, of: Callable[[Round], float]) -> float:
        """Median of the ratios of two baselines in the same round."""
        pairs = zip(self.rounds[concurrency][shape], self.rounds[concurrency][other], strict=True)
        return median(of(one) / of(two) for one, two in pairs)

    def as_json(self) -> dict[str, Any]:
        """JSON form, for programs."""
        return asdict(self)


async def measure(
    stage: Stage, shapes: Sequence[Driver], concurrencies: Sequence[int], rounds: int, say: Say
) -> Results:
    """Measure all baselines at each concurrency, in rounds."""
    results = Results()
    for shape in shapes:
        await drive(shape, 20, 5)
    for concurrency in concurrencies:
        by_shape: dict[str, list[Round]] = {shape.name: [] for shape in shapes}
        results.rounds[concurrency] = by_shape
        for number in range(rounds):
            for shape in shapes:
                made = await _round(stage, shape, LIVES[concurrency], concurrency)
                by_shape[shape.name].append(made)
                say(
                    f"{concurrency:4} at once, round {number + 1}: {shape.name:6} {made.per_second:6.1f}/s, "
                    f"p50 {made.p50:6.0f} ms, {made.cpu_total:5.1f} CPU-ms, {made.commands:4.1f} commands"
                )
    results.memory = stage.memory()
    for shape in shapes:
        if shape.name == "iris":
            await _add_figures(stage, shape, results)
    return results


async def _round(stage: Stage, shape: Driver, runs: int, concurrency: int) -> Round:
    cpu, commands = stage.cpu_seconds(), await stage.commands()
    seconds, latencies = await drive(shape, runs, concurrency)
    used = stage.cpu_seconds()
    cuts = quantiles(latencies, n=100, method="inclusive")
    return Round(
        per_second=runs / seconds,
        p50=cuts[49] * 1000,
        p90=cuts[89] * 1000,
        p99=cuts[98] * 1000,
        cpu={name: (used[name] - before) * 1000 / runs for name, before in cpu.items()},
        commands=(await stage.commands() - commands) / runs,
    )


async def _add_figures(stage: Stage, iris: Driver, results: Results) -> None:
    """Add the figures of one interaction that is delivered and read on an idle stack."""
    await asyncio.sleep(1)
    await iris.run_once()
    its = f"WorkflowType = 'Interaction' AND TaskQueue = '{stage.settings.task_queue}'"
    async for run in stage.temporal.list_workflows(its, limit=1):
        handle = stage.temporal.get_workflow_handle(run.id, run_id=run.run_id)
        results.figures = figures_of((await handle.fetch_history()).events)
        described = (await handle.describe()).raw_description
        results.history_bytes = described.workflow_execution_info.history_size_bytes
