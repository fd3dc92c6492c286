"""Audit of what the gate promises: nothing is sent before its time, after an opt-out, or above a rate."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from bench.faults.observations import Entry, Observations
from bench.faults.requests import DONE, FollowUp, Order

_CLOCK: Final = timedelta(milliseconds=5)
"""Tolerance between the clocks of two processes of one machine."""

_LATEST_ARRIVAL: Final = timedelta(seconds=32)
"""Maximum time from a sender's slot until the request arrives: two pauses of parts, and slow connections."""


def too_early(observations: Observations, order: Order, entry: Entry) -> Iterator[str]:
    """Yield what is wrong with the time at which an order was sent."""
    if order.send_at is None or not entry.received:
        return
    put_off = [
        demand.send_at
        for demand in observations.demands
        if demand.order is order and demand.send_at is not None and demand.result == DONE
    ]
    not_before = max(put_off, default=order.send_at)
    if entry.received[0] < not_before - _CLOCK:
        yield f"it was sent at {entry.received[0]}, and not before {not_before} was asked for"


def after_opt_out(observations: Observations, order: Order, entry: Entry) -> Iterator[str]:
    """Yield what is wrong with an order whose recipient opted out before its time."""
    for demand in observations.demands:
        is_before = demand.done_at is not None and order.send_at is not None and demand.done_at < order.send_at
        if demand.order is order and demand.follow_up is FollowUp.OPT_OUT and is_before and entry.received:
            yield f"its recipient opted out at {demand.done_at}, and it was sent at {entry.received[0]}"


def above_rate(observations: Observations) -> Iterator[tuple[str, str]]:
    """Yield integrations that sent more than their rate allows, each with what is wrong."""
    arrivals: defaultdict[tuple[str, float], list[datetime]] = defaultdict(list)
    for order in observations.orders.values():
        if order.rate is not None:
            received = observations.ledger.get(order.interaction_id, Entry()).received
            arrivals[order.integration_id, order.rate].extend(received)
    for (integration_id, rate), instants in arrivals.items():
        instants.sort()
        for place, begins in enumerate(instants):
            for number, ends in enumerate(instants[place:], start=1):
                if number > 1 + rate * (ends - begins + _LATEST_ARRIVAL).total_seconds():
                    yield integration_id, f"{number} messages within {ends - begins}, at {rate} per second"
                    return
