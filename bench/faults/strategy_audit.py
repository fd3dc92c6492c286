"""Audit of strategies: each run ends, as the messages of its steps say."""

from collections.abc import Iterator

from bench.faults.observations import Observations, Record
from bench.faults.requests import Order
from domain.status import Status


def unended(observations: Observations, order: Order) -> Iterator[str]:
    """Yield what is stuck or lost of the run that an admitted order began."""
    run = observations.strategy_runs.get(order.run_id)
    if run is None:
        yield "its run is not recorded"
    elif run["outcome"] is None:
        yield "its run has not ended"


def contradictions(observations: Observations, order: Order, then: Order) -> Iterator[str]:
    """Yield what a run says that the messages of its two steps contradict."""
    run = observations.strategy_runs.get(order.run_id)
    if run is None or run["outcome"] is None or order in observations.erased:
        return
    records = [observations.records.get(step.interaction_id) for step in (order, then)]
    delivered = sum(_is_delivered(record) for record in records)
    if (run["outcome"] == "succeeded") != (delivered > 0):
        yield f"its run ended as {run['outcome']}, and {delivered} of its messages were delivered"
    if run["is_delivered_twice"] != (delivered > 1):
        yield f"its run says delivered twice: {run['is_delivered_twice']}; {delivered} of its messages were delivered"
    if run["outcome"] == "failed" and records[1] is None:
        yield "its run failed without its second step"


def _is_delivered(record: Record | None) -> bool:
    return record is not None and record["status"] == Status.COMPLETED
