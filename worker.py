"""The worker process: runs the workflows and does their activities."""

import asyncio
import logging
import signal
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.admission import MongoAdmission
from activities.dispatch import ProviderDispatch
from activities.reception import MongoReception
from activities.record import MongoRecord
from bootstrap import connect_temporal, http_client, mongodb, register_search_attributes
from integrations import ProviderOpener
from security import Vault
from settings import Settings
from workflows.registry import WORKFLOWS

GRACE: Final = timedelta(seconds=35)
"""How long a stopping worker lets sends finish: the longest a provider is waited for."""

_LOG = logging.getLogger("iris.worker")


def create_worker(client: Client, settings: Settings, opener: ProviderOpener) -> Worker:
    """The worker of the interactions' task queue."""
    admission, dispatch, record = MongoAdmission(), ProviderDispatch(opener), MongoRecord()
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=WORKFLOWS,
        activities=[
            admission.register,
            admission.validate,
            admission.resolve,
            dispatch.dispatch,
            dispatch.find_sent,
            record.record,
            record.load,
            MongoReception().receive,
        ],
        workflow_runner=SandboxedWorkflowRunner() if settings.workflow_sandbox else UnsandboxedWorkflowRunner(),
        # Few fixed pollers starve new submissions behind receipts (docs/decisions/0006).
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        max_cached_workflows=settings.cached_workflows,
        graceful_shutdown_timeout=GRACE,
        # A task cached on a worker that was killed goes to another after this, instead of after ten seconds.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
    )


async def run_worker(settings: Settings) -> None:
    """Work until told to stop (SIGINT, SIGTERM), then let sends in flight finish."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect_temporal(settings)
    await register_search_attributes(client)
    guard = settings.address_guard()
    async with mongodb(settings), http_client(guard) as http:
        keys = settings.vault_keys()
        opener = ProviderOpener(vault=Vault(keys), http=http, public_url=settings.public_url, guard=guard)
        async with create_worker(client, settings, opener):
            _LOG.info("working on %s at %s", settings.task_queue, settings.temporal_address)
            await stop.wait()
            _LOG.info("stopping: letting sends in flight finish")
