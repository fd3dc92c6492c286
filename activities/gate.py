"""The gate, for messages that it holds."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.gate_interfaces import GateActivities, GateInput, GateResult
from models.interaction import Interaction
from queries.gate import Gate


class MongoGate(GateActivities):
    """The gate over MongoDB."""

    def __init__(self, gate: Gate) -> None:
        """Decide as `gate` does."""
        self._gate = gate

    @activity.defn
    async def decide(self, gate_input: GateInput) -> GateResult:
        """Decide whether a held message goes now.

        Raises:
            ApplicationError: if there is no such interaction.
        """
        interaction = await Interaction.find_one({"_id": gate_input.interaction_id})
        if interaction is None:
            raise ApplicationError("there is no such interaction", type="NotFound", non_retryable=True)
        return GateResult.of(await self._gate.decide(interaction, gate_input.schedule, gate_input.at))
