"""The worker process, which runs workflows and activities."""

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from math import ceil
from typing import Final

import httpx2
from pydantic import JsonValue
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.admission import MongoAdmission
from activities.attachments import Files
from activities.bulkheads import KeyedLimiter
from activities.confirming import Confirmations
from activities.dispatch import ProviderDispatch
from activities.erasing import MongoErasures
from activities.gate import MongoGate
from activities.inbound import MongoInbound
from activities.interfaces import sending_queue
from activities.internal_faults import InternalFaults
from activities.late_begins import LateBegins
from activities.merging import MongoMerges
from activities.notification import HttpNotifications
from activities.notification_interfaces import notification_task_queue
from activities.notification_reconciliation import NotificationsReconciliation
from activities.publishing import NotificationPublisher
from activities.reconciliation import TemporalReconciliation
from activities.record import MongoRecord
from activities.strategies import MongoStrategies
from activities.strategy_events import StrategyEvents
from activities.strategy_reconciliation import StrategiesReconciliation
from activities.unsubscribing import UnsubscribeUrls
from bootstrap import (
    connect_temporal,
    http_client,
    http_clients,
    mongodb,
    register_search_attributes,
)
from domain import interaction as domain
from domain.clock import utc_now
from domain.strategy.run import Run
from integrations.cache import Integrations
from integrations.provider_factory import ProviderFactory
from providers import PROVIDERS
from queries.consent_events import ConsentEvents
from queries.consents import Consents
from queries.gate import Gate
from queries.reach import Reach
from queries.sending_rules import TenantRules
from security.credential_encryption import Vault
from settings import Settings
from support.metrics import serve
from temporal import notifications
from temporal.interactions import (
    ask_gate_again,
    confirm_opt_out,
    signal_erased,
    signal_events,
    submit,
    supersede,
)
from temporal.reconciliation import ensure_schedule
from temporal.strategies import report_step, resume_run, signal_run_erased
from temporal.task_queues import is_polling
from temporal.worker_versions import version_options
from wire.consents import ConsentAnswer
from wire.interactions import InteractionAnswer
from wire.strategy_runs import StrategyRunAnswer
from workflows.registry import INTERACTION_WORKFLOWS, NOTIFICATION_WORKFLOWS

SENDING_GRACE: Final = timedelta(seconds=35)
"""Graceful shutdown timeout of sends: about the longest provider timeout."""

RECORDING_GRACE: Final = timedelta(seconds=5)
"""Additional shutdown timeout to record the outcomes of sends; another worker records the rest."""

_MAX_CONCURRENT_INTEGRATIONS: Final = 4
"""Number of unresponsive integrations that can take all slots of a provider; fewer leave some for the others."""

_LOG = logging.getLogger("iris.worker")


@asynccontextmanager
async def create_worker(client: Client, settings: Settings, provider_factory: ProviderFactory) -> AsyncGenerator[None]:
    """Run the workers within the block; at its end, sends in flight finish first, then the workflows that record them.

    Each provider has its own task queue and slots for sends (`docs/decisions/0013`).
    """
    integrations = Integrations(settings.lookup_cache_ttl)
    sending = [_sending_worker(client, settings, provider_factory, integrations, provider) for provider in PROVIDERS]
    late = LateBegins(partial(notifications.begin, client, settings))
    async with (
        integrations.following(),
        late.running(),
        _workflow_worker(client, settings, integrations, late),
        AsyncExitStack() as stack,
    ):
        http = await stack.enter_async_context(
            http_client(provider_factory.guard, settings.max_concurrent_notifications)
        )
        sending.append(_notification_worker(client, settings, provider_factory.vault, integrations, http))
        for worker in sending:
            await stack.enter_async_context(worker)
        try:
            yield
        finally:
            await asyncio.gather(*(worker.shutdown() for worker in sending))


def _workflow_worker(client: Client, settings: Settings, integrations: Integrations, late: LateBegins) -> Worker:
    """The worker of the interactions' task queue."""
    begin = partial(notifications.begin, client, settings)
    publisher = NotificationPublisher(integrations, _shown, begin, late)
    consent_events = ConsentEvents(begin, ConsentAnswer.shown)
    consents = Consents(consent_events)
    rules = TenantRules(settings.lookup_cache_ttl)
    gate = Gate(consents, rules, Reach(rules))
    admission = MongoAdmission(integrations, gate, publisher.publish)
    record = MongoRecord(
        publisher.publish, partial(ask_gate_again, client), consents, partial(report_step, client, settings)
    )
    strategies = _strategies(client, settings, integrations, late)
    confirmations = Confirmations(integrations, partial(confirm_opt_out, client, settings))
    inbound = MongoInbound(consents, publisher.publish, settings.erasure_grace_period, confirmations.confirm)
    signal_interaction = partial(signal_events, client, settings)
    notifications_reconciliation = NotificationsReconciliation(client, begin, consent_events)
    reconciliation = TemporalReconciliation(
        client,
        settings.task_queue,
        signal_interaction,
        settings.windows,
        notifications_reconciliation,
        StrategiesReconciliation(client, partial(resume_run, client, settings)),
    )
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=INTERACTION_WORKFLOWS,
        activities=[
            admission.admit,
            MongoGate(gate).decide,
            record.record,
            record.load,
            inbound.receive,
            inbound.identify,
            reconciliation.inspect,
            *strategies.all(),
            *MongoMerges().all(),
            *MongoErasures(
                client,
                _shown,
                consents,
                partial(signal_erased, client, settings),
                partial(signal_run_erased, client, settings),
            ).all(),
        ],
        workflow_runner=_runner(settings),
        # A few fixed pollers would starve new submissions behind receipts (docs/decisions/0006).
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        max_cached_workflows=settings.max_cached_workflows,
        graceful_shutdown_timeout=RECORDING_GRACE,
        **version_options(settings),
        # Workflow tasks cached on a killed worker go to another after this time, instead of ten seconds.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
    )


def _strategies(client: Client, settings: Settings, integrations: Integrations, late: LateBegins) -> MongoStrategies:
    begin = partial(notifications.begin, client, settings)
    return MongoStrategies(
        partial(submit, client, settings),
        partial(supersede, client, settings),
        StrategyEvents(integrations, _shown_run, begin, late).publish,
    )


def _sending_worker(
    client: Client, settings: Settings, provider_factory: ProviderFactory, integrations: Integrations, provider: str
) -> Worker:
    """The worker of a provider's task queue."""
    slots = settings.max_concurrent_sends_per_provider
    shares = KeyedLimiter(ceil(slots / _MAX_CONCURRENT_INTEGRATIONS))
    dispatch = ProviderDispatch(
        provider_factory,
        shares,
        integrations,
        Files(settings.file_urls()),
        UnsubscribeUrls(Consents(), settings.public_url),
        InternalFaults(client.identity),
    )
    return Worker(
        client,
        task_queue=sending_queue(settings.task_queue, provider),
        activities=[dispatch.dispatch, dispatch.find_sent, dispatch.recall],
        max_concurrent_activities=slots,
        # One poll waits on each idle queue; the number grows with the load.
        activity_task_poller_behavior=PollerBehaviorAutoscaling(initial=1),
        graceful_shutdown_timeout=SENDING_GRACE,
        **version_options(settings),
    )


def _notification_worker(
    client: Client, settings: Settings, vault: Vault, integrations: Integrations, http: httpx2.AsyncClient
) -> Worker:
    """The worker of the notifications' task queue, separate so that slow endpoints delay nothing else."""
    slots = settings.max_concurrent_notifications
    deliveries = HttpNotifications(
        http=http,
        vault=vault,
        integrations=integrations,
        limiter=KeyedLimiter(ceil(slots / _MAX_CONCURRENT_INTEGRATIONS)),
        show=_shown,
        begin=partial(notifications.begin, client, settings),
        timeout=settings.notification_timeout,
        faults=InternalFaults(client.identity),
    )
    return Worker(
        client,
        task_queue=notification_task_queue(settings.task_queue),
        workflows=NOTIFICATION_WORKFLOWS,
        activities=[deliveries.deliver, deliveries.conclude, deliveries.redeliver],
        workflow_runner=_runner(settings),
        max_concurrent_activities=slots,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(initial=1),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(initial=1),
        graceful_shutdown_timeout=SENDING_GRACE,
        **version_options(settings),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
    )


def _runner(settings: Settings) -> WorkflowRunner:
    return SandboxedWorkflowRunner() if settings.workflow_sandbox else UnsandboxedWorkflowRunner()


def _shown_run(run: Run) -> JsonValue:
    return StrategyRunAnswer.of(run, utc_now()).on_the_wire()


def _shown(interaction: domain.Interaction) -> JsonValue:
    return InteractionAnswer.of(interaction).on_the_wire()


async def run_worker(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM, then let sends in flight finish."""
    client = await connect_temporal(settings)
    await register_search_attributes(client)
    await ensure_schedule(client, settings)
    guard = settings.address_guard()
    async with mongodb(settings), http_clients(guard, settings.max_concurrent_sends_per_provider) as http:
        keys = settings.vault_keys()
        provider_factory = ProviderFactory(vault=Vault(keys), http=http, public_url=settings.public_url, guard=guard)
        stop = asyncio.Event()
        # Not before: until the workers run there is nothing to finish, and a signal ends the process at once.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with create_worker(client, settings, provider_factory):
            if settings.metrics_address:
                serve(settings.metrics_address, partial(is_polling, client, settings.task_queue))
            _LOG.info("working on %s at %s", settings.task_queue, settings.temporal_address)
            await stop.wait()
            _LOG.info("stopping: letting sends in flight finish")
