"""Interface of the activities of strategies: abstract, typed and pure, so that workflows never import a driver."""

from abc import ABC, abstractmethod

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from domain.interaction import Revision
from domain.strategy.run import Run
from domain.submission import Admission, Submission


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class RunRecordInput(_Message):
    """A run to store.

    Attributes:
        revision: of the record that is written; a later one has a higher.
    """

    run: Run
    revision: Revision


class StartStepInput(_Message):
    """A step that starts: the run with it, to store, and its message, to submit."""

    run: Run
    revision: Revision
    submission: Submission


class StoredRun(_Message):
    """A run as stored, with the present states of its steps.

    Attributes:
        admission: the answer to its first message; None if none was submitted.
        history_length: of the revision that wrote it.
    """

    run: Run
    admission: Admission | None = None
    history_length: int


class StopStepsInput(_Message):
    """Messages of a run that are not needed any more."""

    run_id: str
    interaction_ids: list[str]


class StrategyActivities(ABC):
    """Steps of runs; all are idempotent."""

    @abstractmethod
    @activity.defn
    async def start_step(self, start: StartStepInput) -> Admission | None:
        """Store the run and submit the message of its new step; None if another workflow stored the run before."""

    @abstractmethod
    @activity.defn
    async def load_run(self, run_id: str) -> StoredRun | None:
        """Load a run with the present states of its steps; None if there is none."""

    @abstractmethod
    @activity.defn
    async def record_run(self, record: RunRecordInput) -> None:
        """Store a run, and publish its end."""

    @abstractmethod
    @activity.defn
    async def stop_steps(self, stop: StopStepsInput) -> None:
        """Cancel messages that no provider has yet."""
