"""Prometheus metrics of a process. Labels have a fixed set of values: no tenants, destinations or ids.

Counting costs a microsecond; everything else happens when Prometheus scrapes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import (
    Counter,
    Gauge,
    Histogram,
    make_wsgi_app,  # pyright: ignore[reportUnknownVariableType] - untyped
)
from typing_extensions import override

from domain.channels import Channel
from domain.discrepancies import Kind
from domain.faults import FaultKind
from domain.gate.velocity import LimitAction, Per
from domain.outcomes import Outcome
from domain.status import Status
from domain.strategy.plan import RunOutcome
from domain.strategy.progress import Reason

_SUBMISSIONS: Final = Counter(
    "iris_submissions",
    "Submissions answered, by the status that they were answered in",
    ["channel", "provider", "status"],
)
_STATUSES: Final = Counter("iris_statuses", "Steps of records written, by the status that they came to", ["status"])
_DISPATCHES: Final = Histogram(
    "iris_dispatch_seconds",
    "How long providers took over a send, by what it came to: accepted, rejected, unanswered, not_taken",
    ["channel", "provider", "outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
_WEBHOOK_LAG: Final = Histogram(
    "iris_webhook_lag_seconds",
    "From when something happened by a provider's clock until Iris received it",
    ["channel", "provider"],
    buckets=(0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600, 86_400),
)
_UNREADABLE: Final = Counter(
    "iris_unreadable_webhook_items",
    "Webhooks, and items of webhooks, that were signed and could not be read: kept in unmatched_events",
    ["channel", "provider"],
)
_DROPPED: Final = Counter(
    "iris_notifications_dropped", "Webhook events that are not delivered, because they could not be stored"
)
_INTERNAL_FAULTS: Final = Counter(
    "iris_internal_faults",
    "Faults of Iris's own or of its operators, after which the work is retried: credentials, integration, payload, "
    "adapter",
    ["kind"],
)
_REACH_LIMITS: Final = Counter(
    "iris_reach_limits_reached",
    "Messages above a limit of their tenant's reach, by what the limit counts and whether it blocks them",
    ["per", "action"],
)
_STRATEGY_STEPS: Final = Counter("iris_strategy_steps", "Steps of strategies started, by why they started", ["reason"])
_STRATEGY_OUTCOMES: Final = Counter(
    "iris_strategy_outcomes",
    "Runs of strategies that ended, or whose outcome was corrected, by it and whether two messages were delivered",
    ["outcome", "delivered_twice"],
)
_CHECK_TIMEOUT_SECONDS: Final = 3.0
"""Timeout of the health check, in seconds."""

_FINDINGS: Final = Counter(
    "iris_reconciliation_discrepancies",
    "What comparing MongoDB with Temporal found, by its kind and whether it was repaired",
    ["kind", "repaired"],
)
TASK_QUEUE_BACKLOG: Final = Gauge(
    "iris_task_queue_backlog", "About how many tasks wait for a worker, as Temporal says", ["task_queue", "kind"]
)


def count_submission(channel: Channel, provider: str, status: Status) -> None:
    """Count a submission by the status that it was answered with."""
    _SUBMISSIONS.labels(channel, provider, status).inc()


def count_statuses(statuses: Iterable[Status]) -> None:
    """Count the statuses of a recorded step."""
    for status in statuses:
        _STATUSES.labels(status).inc()


def count_dropped_notification() -> None:
    """Count a notification that was dropped."""
    _DROPPED.inc()


def count_unreadable(channel: Channel, provider: str) -> None:
    """Count a webhook, or an item of one, that could not be parsed."""
    _UNREADABLE.labels(channel, provider).inc()


def count_internal_fault(kind: FaultKind) -> None:
    """Count an internal fault."""
    _INTERNAL_FAULTS.labels(kind).inc()


def count_strategy_step(reason: Reason) -> None:
    """Count a step of a strategy that started."""
    _STRATEGY_STEPS.labels(reason).inc()


def count_strategy_outcome(outcome: RunOutcome, *, is_delivered_twice: bool) -> None:
    """Count a run of a strategy that ended, or whose outcome a late event corrected."""
    _STRATEGY_OUTCOMES.labels(outcome, "yes" if is_delivered_twice else "no").inc()


def count_reach_limit(per: Per, action: LimitAction) -> None:
    """Count a message above a limit of its tenant's reach."""
    _REACH_LIMITS.labels(per, action).inc()


def count_discrepancy(kind: Kind, *, is_repaired: bool) -> None:
    """Count a discrepancy found by the reconciliation."""
    _FINDINGS.labels(kind, "yes" if is_repaired else "no").inc()


def observe_webhook(channel: Channel, provider: str, occurred_at: datetime | None, received_at: datetime) -> None:
    """Observe the delay of a provider event, if it has a time; 0 if the provider's clock is ahead of ours."""
    if occurred_at is not None:
        _WEBHOOK_LAG.labels(channel, provider).observe(max(0.0, (received_at - occurred_at).total_seconds()))


@contextmanager
def timed_dispatch(channel: Channel, provider: str) -> Generator[Callable[[Outcome], None]]:
    """Observe the duration of a send and its outcome: the one passed within the block, else `not_taken`."""
    began, label = time.perf_counter(), "not_taken"

    def set_outcome(outcome: Outcome) -> None:
        nonlocal label
        label = type(outcome).__name__.lower()

    try:
        yield set_outcome
    finally:
        _DISPATCHES.labels(channel, provider, label).observe(time.perf_counter() - began)


Check = Callable[[], Awaitable[bool]]
"""Health check of a process."""


def serve(address: str, check: Check) -> None:
    """Serve Prometheus metrics at `host:port`, and the health check at `/health`, for the rest of the process.

    Requests are served in threads, but the health check runs in the event loop: 503 if that is blocked.

    Raises:
        OSError: if the address cannot be listened on.
    """
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    read_metrics: WSGIApplication = make_wsgi_app()  # pyright: ignore[reportUnknownVariableType] - untyped

    def answer(environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environment.get("PATH_INFO") != "/health":
            return read_metrics(environment, start_response)
        is_well = _finds(loop, check)
        start_response("200 OK" if is_well else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [b'{"status":"ok"}' if is_well else b'{"status":"unavailable"}']

    server = make_server(host.strip("[]"), int(port), answer, _ThreadingServer, handler_class=_QuietHandler)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _finds(loop: asyncio.AbstractEventLoop, check: Check) -> bool:
    """Result of a check in another thread's event loop, with a timeout."""

    async def found() -> bool:
        return await asyncio.wait_for(check(), _CHECK_TIMEOUT_SECONDS)

    try:
        return asyncio.run_coroutine_threadsafe(found(), loop).result(_CHECK_TIMEOUT_SECONDS + 1)
    except Exception:  # noqa: BLE001 - whatever goes wrong, it does not work
        return False


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    """HTTP server with one thread per request, so that slow requests do not block others."""

    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    """Request handler without access logs."""

    @override
    def log_message(self, format: str, *args: object) -> None: ...
