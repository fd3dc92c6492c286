"""The gate over stored consents, rules and users: for submissions, and for messages that it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from domain.destinations import Destination
from domain.gate.decision import Decision, Go, Refuse, Wait
from domain.gate.ordering import Predecessor, ended_unsent, evaluate_order
from domain.gate.recipients import Recipients
from domain.gate.schedule import AT_ONCE, Schedule, ScheduleRequest
from domain.gate.schedule_request import read_schedule
from domain.gate.scheduling import ScheduleCase, evaluate_schedule
from domain.gate.zones import KnownZones, RecipientZones, zones_of
from domain.problems import Problem
from domain.strategy.validity import expiry_of_step, within
from domain.submission import Submission
from models.interaction import Interaction
from models.user import OwnedDestination, User
from queries.consents import Consents
from queries.reach import Reach
from queries.sending_rules import RulesOfTenant, TenantRules


class Admittance(NamedTuple):
    """What the gate says of a submission.

    Attributes:
        problems: why it is never sent; empty if it is.
        schedule: when it may go; None if nothing restricts it.
        hold: why it is held at first, and until when; None if it goes at once.
        expires: from this instant it may not be sent any more; None if it stays valid.
    """

    problems: Sequence[Problem] = ()
    schedule: Schedule | None = None
    hold: Wait | None = None
    expires: datetime | None = None


ADMITTED: Final = Admittance()
"""Answer of the gate to a submission that goes at once, and that nothing restricts."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides whether messages may go.

    Attributes:
        consents: what recipients take and refuse.
        rules: the rules of tenants for their sends.
        reach: to where the messages of tenants may go.
    """

    consents: Consents
    rules: TenantRules
    reach: Reach

    async def refusals_of(self, recipients: Recipients) -> list[Problem]:
        """Return a problem for each recipient of a message that opted out, or that is out of the tenant's reach."""
        return [*await self.consents.problems_of(recipients), *await self.reach.problems_of(recipients)]

    async def admit(self, submission: Submission, owners: Sequence[User]) -> Admittance:
        """Read the schedule of a submission, and decide when it goes; `refusals_of` says whether it may.

        Args:
            submission: the submission.
            owners: the users that own any of its destinations.
        """
        admittance = await self._admit(submission, owners)
        if submission.strategy is None:
            return admittance
        expires = expiry_of_step(submission.strategy, submission.submitted_at, admittance.hold)
        return admittance._replace(expires=min(expires, admittance.expires or expires))

    async def _admit(self, submission: Submission, owners: Sequence[User]) -> Admittance:
        rules = await self.rules.of(submission.tenant)
        if submission.schedule is None and not rules.rules:
            return ADMITTED
        asked, now = submission.schedule or ScheduleRequest(), submission.submitted_at
        destinations, problems = submission.parsed_destinations(submission.integration.channel)
        if problems:
            return ADMITTED
        recipients = _recipients(destinations, owners, rules, asked.known_zone)
        schedule, problems = read_schedule(asked, submission.category, recipients, now)
        if problems:
            return Admittance(problems)
        channel, category = submission.integration.channel, submission.category
        case = ScheduleCase(submission.interaction_id, schedule, category, channel, recipients, rules.rules)
        decision = evaluate_schedule(case, now)
        kept = schedule if submission.schedule is not None else None
        match decision:
            case Refuse():
                return Admittance([decision.problem])
            case Wait():
                return Admittance(schedule=kept, hold=decision)
            case Go():
                return Admittance(schedule=kept, expires=decision.expires)

    async def decide(self, interaction: Interaction, schedule: Schedule | None, at: datetime) -> Decision:
        """Decide at an instant whether a message that is not sent yet goes, with its schedule or another one."""
        decision = await self._decide(interaction, schedule, at)
        expires = interaction.strategy.expires if interaction.strategy is not None else None
        return decision if expires is None else within(decision, expires, at)

    async def _decide(self, interaction: Interaction, schedule: Schedule | None, at: datetime) -> Decision:
        case = await self._case(interaction, schedule or interaction.schedule or AT_ONCE)
        decision = evaluate_schedule(case, at)
        if isinstance(decision, Go) and interaction.order is not None:
            planned, created = case.schedule.send_at, interaction.created
            begins = created if planned is None else max(planned.instant, created)
            before = await self.predecessors(interaction.id, interaction.predecessors)
            in_order = evaluate_order(interaction.order, before, begins, at)
            decision = decision if isinstance(in_order, Go) else in_order
        if isinstance(decision, Refuse):
            return decision
        refused = await self.refusals_of(interaction.recipients)
        return Refuse(problem=refused[0]) if refused else decision

    async def predecessors(self, interaction_id: str, ids: Sequence[str]) -> list[Predecessor]:
        """Return the predecessors of a message, and those before one that was never sent.

        They wake the message when they get further.

        Args:
            interaction_id: the message.
            ids: its predecessors.
        """
        predecessors: list[Predecessor] = []
        asked = list(ids)
        while asked:
            # First it is added, then their states are read: what they reach later wakes it.
            await Interaction.add_waiter(asked, interaction_id)
            found = await Interaction.find({"_id": {"$in": asked}}).to_list()
            predecessors += [Predecessor(one.id, one.state, one.policy, one.due) for one in found]
            # Before one that was never sent, others may still be on their way.
            known = {one.id for one in predecessors}
            unsent = [before for one in found if ended_unsent(one.state) for before in one.predecessors]
            asked = [before for before in unsent if before not in known]
        return predecessors

    async def read_change(
        self, interaction: Interaction, asked: ScheduleRequest, now: datetime
    ) -> tuple[Schedule, list[Problem]]:
        """Read a changed schedule of a message; what cannot be read is left out and has its problem."""
        recipients = await self._recipients_of(interaction, asked.known_zone)
        return read_schedule(asked, interaction.effective_category, recipients, now)

    async def _case(self, interaction: Interaction, schedule: Schedule) -> ScheduleCase:
        return ScheduleCase(
            interaction_id=interaction.id,
            schedule=schedule,
            category=interaction.effective_category,
            channel=interaction.integration.channel,
            recipients=await self._recipients_of(interaction, schedule.known_zone),
            rules=(await self.rules.of(interaction.tenant)).rules,
        )

    async def _recipients_of(self, interaction: Interaction, known_zone: str | None) -> list[RecipientZones]:
        users = await User.of_interaction(interaction.tenant, interaction.user_ids)
        rules = await self.rules.of(interaction.tenant)
        return _recipients(interaction.destinations, users, rules, known_zone)


def _recipients(
    destinations: Sequence[Destination], users: Sequence[User], rules: RulesOfTenant, known_zone: str | None
) -> list[RecipientZones]:
    """The possible time zones of each destination, which one of the users may own."""
    zones = {one.identity: user.time_zone for user in users for one in user.destinations}

    def zones_at(destination: Destination) -> RecipientZones:
        user = zones.get(OwnedDestination.of(destination).identity)
        return zones_of(destination, KnownZones(tenant=rules.known_time_zone, user=user, request=known_zone))

    return [zones_at(destination) for destination in destinations]
