"""Signals by which provider events reach an interaction's workflow: one for each milestone, named for the Web UI."""

from collections.abc import Mapping
from typing import Final

from temporalio import workflow

from domain.events import ReceivedEvent
from domain.status import Milestone
from workflows.lifecycle import InteractionLifecycle

SIGNALS: Final[Mapping[Milestone, str]] = {
    Milestone.NONE: "provider event: unknown status",
    Milestone.ACCEPTED: "provider event: accepted",
    Milestone.SENT: "provider event: sent",
    Milestone.FAILED: "provider event: failed",
    Milestone.DELIVERED: "provider event: delivered",
    Milestone.READ: "provider event: read",
}
"""The name of the signal for each milestone. Names are never encrypted, so they hold nothing of the message."""


RESUME: Final = "resume"
"""The name of the signal that carries no event: it only starts a run where the interaction has none."""


class ProviderEventSignals:
    """Queues provider events in the order in which they arrive, until the workflow applies them."""

    def __init__(self, lifecycle: InteractionLifecycle) -> None:
        self._lifecycle = lifecycle

    @workflow.signal(name=RESUME, description="Reconciliation lets the interaction go on from its record")
    def resume(self, events: list[ReceivedEvent]) -> None:
        """Queue nothing: the run that this signal starts reads the record."""
        self._lifecycle.inbox.extend(events)

    @workflow.signal(name=SIGNALS[Milestone.NONE], description="The provider reports a status that is not known")
    def unknown_status(self, events: list[ReceivedEvent]) -> None:
        """Queue events without a known milestone."""
        self._lifecycle.inbox.extend(events)

    @workflow.signal(name=SIGNALS[Milestone.ACCEPTED], description="The provider has taken the message")
    def accepted(self, events: list[ReceivedEvent]) -> None:
        """Queue events up to the acceptance."""
        self._lifecycle.inbox.extend(events)

    @workflow.signal(name=SIGNALS[Milestone.SENT], description="The provider has sent the message")
    def sent(self, events: list[ReceivedEvent]) -> None:
        """Queue events up to the provider's own send."""
        self._lifecycle.inbox.extend(events)

    @workflow.signal(name=SIGNALS[Milestone.FAILED], description="The message does not reach its destination")
    def failed(self, events: list[ReceivedEvent]) -> None:
        """Queue events up to a failure."""
        self._lifecycle.inbox.extend(events)

    @workflow.signal(name=SIGNALS[Milestone.DELIVERED], description="The message is delivered")
    def delivered(self, events: list[ReceivedEvent]) -> None:
        """Queue events up to the delivery."""
        self._lifecycle.inbox.extend(events)

    @workflow.signal(name=SIGNALS[Milestone.READ], description="The message is read")
    def read(self, events: list[ReceivedEvent]) -> None:
        """Queue events up to the reading."""
        self._lifecycle.inbox.extend(events)
