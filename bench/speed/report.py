"""Results as a table, as JSON and as a page with plots."""

import json
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Final

from rich.table import Table

from bench.speed.measure import Results, Round

Of = Callable[[Round], float]
"""A figure of a round."""

_COLOURS = {"ceiling": "#9aa5b1", "minimal": "#5b8def", "steps": "#8e6bbf", "iris": "#1f9d55", "naive": "#d64545"}
_WIDTH, _BAR = 420, 22


def ratios(results: Results) -> dict[str, float]:
    """Ratios tracked across issues; empty for those that this run did not measure."""
    made: dict[str, float] = {}
    if 50 in results.rounds:  # noqa: PLR2004 - where the machine is saturated
        for one, others in (("iris", ("ceiling", "minimal", "steps", "naive")), ("steps", ("ceiling", "minimal"))):
            for other in others:
                made[f"{one} / {other}, runs per second, 50 at once"] = results.ratio(50, one, other, _per_second)
    if 1 in results.rounds:
        for one in ("iris", "steps"):
            made[f"{one} / ceiling, p50 of the call, 1 at once"] = results.ratio(1, one, "ceiling", lambda of: of.p50)
    return made


def table_of(results: Results) -> Table:
    """Table of medians, for people."""
    table = Table(box=None, pad_edge=False)
    for column in ("at once", "shape", "runs/s", "p50 ms", "p90 ms", "p99 ms", "CPU-ms", "commands", "CPU by process"):
        table.add_column(column, justify="left" if column in {"shape", "CPU by process"} else "right")
    for concurrency, shapes in results.rounds.items():
        for shape, rounds in shapes.items():
            values = [results.median(concurrency, shape, of) for of in _COLUMNS]
            cpu = ", ".join(
                f"{name} {results.median(concurrency, shape, lambda one, name=name: one.cpu[name]):.1f}"
                for name in rounds[0].cpu
            )
            table.add_row(str(concurrency), shape, *(f"{value:.1f}" for value in values), cpu)
    return table


def write(results: Results, folder: Path, machine: str) -> None:
    """Write `latest.json` and `latest.html`."""
    folder.mkdir(exist_ok=True)
    content = {"machine": machine, "ratios": ratios(results), **results.as_json()}
    (folder / "latest.json").write_text(json.dumps(content, indent=2) + "\n")
    (folder / "latest.html").write_text(_page(results, machine))


def _page(results: Results, machine: str) -> str:
    plots = [
        _bars(f"Whole runs per second, {concurrency} at once", _medians(results, concurrency, _per_second))
        + _bars(f"p50 of the call in ms, {concurrency} at once", _medians(results, concurrency, lambda one: one.p50))
        for concurrency in results.rounds
    ]
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{value:.2f}</td></tr>" for name, value in ratios(results).items())
    return (
        '<!doctype html><html lang="en"><title>Iris, measured</title>'
        "<style>body{font:15px sans-serif;max-width:60em;margin:2em auto}td{padding:.2em 1em .2em 0}</style>"
        f"<h1>Iris, measured</h1><p>{escape(machine)}</p><table>{rows}</table>{''.join(plots)}</html>\n"
    )


def _medians(results: Results, concurrency: int, of: Of) -> list[tuple[str, float]]:
    return [(shape, results.median(concurrency, shape, of)) for shape in results.rounds[concurrency]]


def _bars(title: str, values: Sequence[tuple[str, float]]) -> str:
    most = max(value for _, value in values) or 1
    bars = "".join(
        f'<g transform="translate(0 {place * _BAR})"><text y="15">{shape}</text>'
        f'<rect x="60" y="3" width="{value / most * _WIDTH:.0f}" height="{_BAR - 6}" fill="{_COLOURS[shape]}"/>'
        f'<text x="{70 + value / most * _WIDTH:.0f}" y="15">{value:.1f}</text></g>'
        for place, (shape, value) in enumerate(values)
    )
    return f'<h2>{escape(title)}</h2><svg width="{_WIDTH + 140}" height="{len(values) * _BAR + 4}">{bars}</svg>'


def _per_second(one: Round) -> float:
    return one.per_second


_COLUMNS: Final[tuple[Of, ...]] = (
    _per_second,
    lambda one: one.p50,
    lambda one: one.p90,
    lambda one: one.p99,
    lambda one: one.cpu_total,
    lambda one: one.commands,
)
