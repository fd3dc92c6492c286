"""Opt-outs that providers report: of refused sends, bounces and complaints."""

from activities.interfaces import RecordStepInput
from domain.destinations import Destination
from domain.gate.consent import ConsentChange, ConsentScope, ConsentState, Coverage, Evidence
from domain.interaction import IntegrationReference
from models.interaction import Interaction
from providers import PROVIDERS
from providers.opt_outs import OptOut
from queries.consents import Consents
from queries.opt_outs import OptOutReport, opt_out_of, reports_in


async def record_opt_outs(consents: Consents, step: RecordStepInput) -> None:
    """Record the opt-outs and soft bounces that a step of an interaction's record reports.

    Repeated, it changes nothing. A step that reports none costs no query.
    """
    reports = list(reports_in(step.history, step.received))
    if not any(opt_out_of(provider, report) for provider in PROVIDERS for report in reports):
        return
    interaction = await Interaction.find_one({"_id": step.interaction_id})
    if interaction is None:
        return
    # Several reports may name one recipient: the last one is kept.
    changes = {change.value: change for report in reports if (change := _change(interaction, report)) is not None}
    bounces = [one for one in changes.values() if one.coverage.scope is ConsentScope.ADDRESS]
    for bounce in bounces:
        await consents.record_soft_bounce(interaction.tenant, bounce)
    await consents.record(interaction.tenant, [one for one in changes.values() if one not in bounces])


def _change(interaction: Interaction, report: OptOutReport) -> ConsentChange | None:
    """The opt-out of a report; None if it reports none, or if it is not certain whose it is."""
    out, integration = opt_out_of(interaction.integration.provider, report), interaction.integration
    recipient = _recipient(interaction, report.destination)
    if out is None or recipient is None:
        return None
    return ConsentChange(
        kind=recipient.key,
        value=recipient.value,
        coverage=_coverage(out, integration),
        state=ConsentState.OUT,
        source=out.source,
        at=report.at,
        evidence=Evidence(interaction_id=interaction.id, text=f"{report.code} {report.detail}".strip()),
    )


def _coverage(out: OptOut, integration: IntegrationReference) -> Coverage:
    if out.is_soft:
        return Coverage.of_address(integration.channel)
    if out.is_of_channel:
        return Coverage.of_channel(integration.channel, out.category)
    return Coverage.of_sender(integration.integration_id, out.category)


def _recipient(interaction: Interaction, named: str | None) -> Destination | None:
    """The recipient that a report is about: the one that it names, or the only one; none that is erased."""
    living = interaction.living_destinations
    if named is not None:
        return next((one for one in living if named in {one.value, one.normal_form}), None)
    return living[0] if len(living) == len(interaction.destinations) == 1 else None
