"""Names of a workflow, updates, queries and a signal, as readers of Temporal's Web UI see them; none is ever encrypted.

The other signals have theirs in `workflows.provider_events` and `activities.interfaces`.
"""

from typing import Final

INTERACTION: Final = "Interaction"
"""The type of the workflow of an interaction that goes out."""

SUBMIT: Final = "submit"
"""The update that answers a submission."""

CANCEL: Final = "cancel"
"""The update that cancels an interaction or a notification."""

RESCHEDULE: Final = "reschedule"
"""The update that changes when a held message goes."""

ASK_AGAIN: Final = "ask the gate again"
"""The signal by which a predecessor lets the gate decide again about a held message."""

WITHDRAW: Final = "cancel, before a worker has it"
"""The signal that cancels an interaction durably, without a worker."""

STATE: Final = "state"
"""The query for an interaction's status."""

MERGE: Final = "merge"
"""The update that waits until a merge is accepted or refused."""

ERASE: Final = "erase"
"""The update that waits until an erasure is accepted or refused."""

STRATEGY: Final = "Strategy"
"""The type of the workflow of a run of a strategy."""

REPORT: Final = "a step got further"
"""The signal by which the interactions of a run report their states."""

RUN_ERASED: Final = "user erased: no further step"
"""The signal to a run that its user is erased."""

SUPERSEDE: Final = "cancel, for its strategy"
"""The signal that cancels an interaction whose strategy needs it no more."""
