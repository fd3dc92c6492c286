"""Timeouts and retries of the activities that work on our own database."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy


def db_activity_options(summary: str) -> workflow.LocalActivityConfig:
    """Options of a short step on our database, as a local activity; it is retried until it is written."""
    return workflow.LocalActivityConfig(
        # Enough for all commands of a step on a slow database; on each the driver gives up after seven seconds.
        start_to_close_timeout=timedelta(seconds=20),
        # Longer waits become timers of the server, so that an unreachable database does not keep a worker busy.
        local_retry_threshold=timedelta(seconds=2),
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=30)),
        summary=summary,
    )


def start_activity_options(summary: str) -> workflow.ActivityConfig:
    """Options of a short step that starts another message; the history has the decision before anything starts."""
    return workflow.ActivityConfig(
        start_to_close_timeout=timedelta(seconds=20),
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=30)),
        summary=summary,
    )


def batch_activity_options(summary: str) -> workflow.ActivityConfig:
    """Options of a batch activity, which may take up to 6 hours; it heartbeats, and is retried until it succeeds."""
    return workflow.ActivityConfig(
        start_to_close_timeout=timedelta(hours=6),
        heartbeat_timeout=timedelta(seconds=30),
        retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
        summary=summary,
    )
