"""What Temporal's Web UI shows of a run of a strategy: steps, instants and reasons, without personal data."""

from domain.clock import to_wire
from domain.strategy.progress import StepState
from domain.strategy.run import Run, RunStep


def line_of(run: Run, state: StepState) -> str:
    """Return a step in a few words: its number, channel and provider."""
    return f"step {state.step + 1} of {len(run.steps)} ({_channel(run.steps[state.step])})"


def awaited_of(run: Run) -> str:
    """Return what the run waits for, in a few words, for the summary of its timer."""
    state = run.states[-1]
    return f"{line_of(run, state)}: «{state.success}» is awaited"


def run_details(run: Run) -> str:
    """Return the steps of a run as a table in Markdown, and its outcome."""
    states = {state.step: state for state in run.states}
    rows = [_row(number, step, states.get(number)) for number, step in enumerate(run.steps)]
    table = "\n".join(["| step | channel | why | started | until | progress |", "|---|---|---|---|---|---|", *rows])
    end = run.outcome or "it goes on"
    return f"{table}\n\n**{end}{', delivered twice' if run.is_delivered_twice else ''}**"


def _row(number: int, step: RunStep, state: StepState | None) -> str:
    if state is None:
        cells = ("", "", "", "skipped: no destination" if step.is_skipped else "")
    else:
        cells = (state.reason, to_wire(state.started), to_wire(state.deadline_at), state.progress)
    return "| " + " | ".join((str(number + 1), _channel(step), *cells)) + " |"


def _channel(step: RunStep) -> str:
    return f"{step.integration.channel} · {step.integration.provider_title}"
