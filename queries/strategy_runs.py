"""Runs of strategies with the present states of their steps."""

from collections.abc import Mapping

from domain.strategy.progress import StepReport, is_suppression
from domain.strategy.run import Run
from domain.submission import Admission
from models.interaction import Interaction
from queries.opt_outs import is_opted_out


async def interactions_of(run: Run) -> Mapping[str, Interaction]:
    """Find the interactions of the steps that started, by id."""
    ids = [run.steps[state.step].interaction_id for state in run.states]
    return {one.id: one for one in await Interaction.find({"_id": {"$in": ids}}).to_list()}


def present(run: Run, interactions: Mapping[str, Interaction]) -> Run:
    """Return a run with the states that its interactions have now."""
    reports: list[StepReport] = []
    for state in run.states:
        interaction = interactions.get(run.steps[state.step].interaction_id)
        if interaction is not None and interaction.fingerprint == run.fingerprint:
            reports.append(report_of(interaction, state.step))
            run = run.follow(interaction.strategy)
    return run.report(reports)


def report_of(interaction: Interaction, step: int) -> StepReport:
    """Return the report on the interaction of a step, as recorded."""
    is_suppressed = is_suppression(interaction.problems) or is_opted_out(
        interaction.integration.provider, interaction.history, interaction.provider_events
    )
    return StepReport(step=step, sequence=interaction.sequence, state=interaction.state, is_suppressed=is_suppressed)


async def admission_of(run: Run, interactions: Mapping[str, Interaction]) -> Admission | None:
    """Return the answer to the send: the first message that was admitted, else the last one that was refused.

    None if no message is registered yet.
    """
    ids = [run.steps[state.step].interaction_id for state in run.states]
    found = [interactions[one] for one in ids if one in interactions]
    if not found:
        return None
    answered = next((one for one in found if not one.problems), found[-1])
    shown = await answered.as_shown()
    return Admission(interaction=await shown.view(), fingerprint=answered.fingerprint, problems=answered.problems)
