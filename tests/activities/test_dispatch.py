"""Dispatch through the real sandbox gateway: every answer that it can give, and its outcome."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import httpx2
import pytest
from cryptography.fernet import Fernet
from prometheus_client import REGISTRY
from pydantic import JsonValue
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.attachments import Files
from activities.bulkheads import MIN_DELAY, SPACING, KeyedLimiter
from activities.dispatch import NOT_ACCEPTED, ProviderDispatch
from activities.interfaces import Dispatch, DispatchResult, Search
from activities.internal_faults import INTERNAL_FAULT, InternalFaults, retry_delay
from activities.sender_slots import SenderSlots
from activities.unsubscribing import UnsubscribeUrls
from bootstrap import http_client
from domain.channels import Channel
from domain.clock import utc_now
from domain.destinations import Destination, DestinationKind
from domain.faults import FaultKind
from domain.identifiers import new_id
from domain.outcomes import Accepted, FailureClass, Outcome, OutcomeUnknown, Rejected
from embedded.ports import free_port
from embedded.processes import until
from integrations.cache import Integrations
from integrations.provider_factory import ProviderFactory
from models.integration import Integration
from models.worker_fault import WorkerFault
from providers.base import NOTHING_INSIDE, Attempt, UnsentError
from providers.sandbox import Sandbox
from queries.consents import Consents
from security.credential_encryption import Vault
from security.signed_urls import FileUrls
from tests.activities.factories import TOKEN, VAULT, World, run
from tests.silent_provider import SilentProvider

REFUSED, THROTTLED, LOST_ONCE, LOST = "34600000003", "34600000005", "34600000006", "34600000007"
SLOW = "34600000011"

MAX_IN_FLIGHT = 2
"""Maximum number of sends in flight of one integration."""


class Sender:
    """Dispatches messages of one tenant to the gateway."""

    def __init__(self, world: World, http: httpx2.AsyncClient) -> None:
        self.world = world
        self.http = http
        provider_factory = ProviderFactory(VAULT, {"sandbox": http}, f"http://127.0.0.1:{free_port()}", NOTHING_INSIDE)
        files = Files(FileUrls("secret" * 8, "https://iris.example.com", timedelta(days=1)))
        self.activity = ProviderDispatch(
            provider_factory,
            KeyedLimiter(MAX_IN_FLIGHT),
            Integrations(timedelta()),
            files,
            UnsubscribeUrls(Consents(), "https://iris.example.com"),
            InternalFaults("1@here"),
        )

    async def dispatch(self, integration: Integration, phone: str = "34638766068", *, repeatable: bool) -> Dispatch:
        return Dispatch(
            interaction_id=new_id(),
            tenant=self.world.tenant,
            provider="sandbox",
            integration_id=integration.id,
            payload={"TYPE": "simple-text", "text": "Hola"},
            destinations=[Destination(key=DestinationKind.PHONE_NUMBER, value=phone)],
            repeatable=repeatable,
        )

    async def send(self, dispatch: Dispatch, tries_before: int = 0) -> DispatchResult:
        return await run(self.activity.dispatch, dispatch, tries_before=tries_before)

    async def send_to(self, phone: str, *, repeatable: bool = True) -> DispatchResult:
        return await self.send(await self.dispatch(await self.world.integration(), phone, repeatable=repeatable))

    async def failure_of(self, dispatch: Dispatch, tries_before: int = 0) -> ApplicationError:
        with pytest.raises(ApplicationError) as failure:
            await self.send(dispatch, tries_before)
        return failure.value

    async def taken(self, reference: str) -> int:
        """Return the number of messages that the gateway accepted for a reference."""
        response = await self.http.get(
            f"{self.world.gateway_url}/v1/messages",
            params={"reference": reference},
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        return len(response.json()["messages"])


@pytest.fixture
def sender(world: World, provider_http: httpx2.AsyncClient) -> Sender:
    return Sender(world, provider_http)


async def test_a_message_that_the_provider_accepts_has_our_reference(sender: Sender) -> None:
    dispatch = await sender.dispatch(await sender.world.integration(), repeatable=True)
    outcome = await sender.send(dispatch)
    assert isinstance(outcome, Accepted)
    assert outcome.provider_message_id
    assert outcome.provider_status == "queued"
    assert await sender.taken(dispatch.interaction_id) == 1


async def test_a_queued_message_of_a_deleted_integration_is_not_sent(sender: Sender) -> None:
    integration = await sender.world.integration()
    dispatch = await sender.dispatch(integration, repeatable=True)
    await integration.change({"deleted": utc_now()})
    outcome = await sender.send(dispatch)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "integration_not_found"
    assert await sender.taken(dispatch.interaction_id) == 0


async def test_the_credentials_are_those_of_the_last_lookup(sender: Sender) -> None:
    known = VAULT.encrypt({"token": TOKEN, "signingSecret": "another"})
    integration = await sender.world.integration(
        credentials=VAULT.encrypt({"token": "wrong", "signingSecret": "another"})
    )
    dispatch = await sender.dispatch(integration, repeatable=True)
    refused = await sender.send(dispatch)
    assert isinstance(refused, Rejected)
    await integration.change({"credentials": known})
    assert isinstance(await sender.send(dispatch), Accepted)


async def test_an_integration_is_cached_until_it_is_invalidated(sender: Sender) -> None:
    cached, integration = Integrations(timedelta(hours=1)), await sender.world.integration()
    assert await cached.of_tenant(integration.id, sender.world.tenant) is not None
    await integration.change({"name": "another"})
    seen = await cached.find(integration.id)
    cached.invalidate(integration.id)
    fresh = await cached.find(integration.id)
    assert (seen and seen.name, fresh and fresh.name) == (integration.name, "another")


async def test_dispatching_writes_nothing(sender: Sender) -> None:
    submission = await sender.world.submission()
    await sender.world.admit(submission)
    before = await sender.world.interactions()
    dispatch = await sender.dispatch(await sender.world.integration(), repeatable=True)
    await sender.send(dispatch.model_copy(update={"interaction_id": submission.interaction_id}))
    assert await sender.world.interactions() == before


async def test_a_repeated_dispatch_is_one_message_where_the_provider_knows_repetitions(sender: Sender) -> None:
    dispatch = await sender.dispatch(await sender.world.integration(), repeatable=True)
    assert await sender.send(dispatch) == await sender.send(dispatch, tries_before=1)
    assert await sender.taken(dispatch.interaction_id) == 1


async def test_a_message_that_the_provider_refuses_is_rejected_for_good(sender: Sender) -> None:
    outcome = await sender.send_to(REFUSED)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.failure) == ("recipient_refused", FailureClass.DESTINATION)


async def test_a_throttled_send_raises_an_error_with_the_wait_that_the_provider_asks_for(sender: Sender) -> None:
    dispatch = await sender.dispatch(await sender.world.integration(), THROTTLED, repeatable=False)
    for tries_before in range(2):
        # Each attempt is another worker's, which does not know of the pause.
        sender.activity = replace(sender.activity, slots=SenderSlots())
        failure = await sender.failure_of(dispatch, tries_before)
        assert (failure.type, failure.next_retry_delay) == (NOT_ACCEPTED, timedelta(seconds=1))
        assert not failure.non_retryable
        assert failure.category is ApplicationErrorCategory.BENIGN
    sender.activity = replace(sender.activity, slots=SenderSlots())
    assert isinstance(await sender.send(dispatch, tries_before=2), Accepted)


async def test_an_unreachable_provider_has_not_accepted_the_message(sender: Sender) -> None:
    integration = await sender.world.integration(configuration={"baseUrl": f"http://127.0.0.1:{free_port()}"})
    failure = await sender.failure_of(await sender.dispatch(integration, repeatable=False))
    assert (failure.type, failure.next_retry_delay) == (NOT_ACCEPTED, timedelta(seconds=1))


@pytest.mark.parametrize("repeatable", [False, True])
async def test_a_lost_answer_is_an_unknown_outcome_and_is_not_retried_here(sender: Sender, repeatable: bool) -> None:
    assert isinstance(await sender.send_to(LOST, repeatable=repeatable), OutcomeUnknown)


async def test_a_send_that_is_repeated_after_a_lost_answer_is_one_message(sender: Sender) -> None:
    dispatch = await sender.dispatch(await sender.world.integration(), LOST_ONCE, repeatable=True)
    assert isinstance(await sender.send(dispatch), OutcomeUnknown)
    assert isinstance(await sender.send(dispatch), Accepted)
    assert await sender.taken(dispatch.interaction_id) == 1


async def test_a_message_that_an_adapter_fails_to_compose_is_retried_and_is_no_lost_answer(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    dispatch = await sender.dispatch(await sender.world.integration(), repeatable=False)
    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "prepare", broken)
        failure = await sender.failure_of(dispatch)
    assert (failure.non_retryable, "ZeroDivisionError" in str(failure)) == (False, True)
    assert await sender.taken(dispatch.interaction_id) == 0
    assert isinstance(await sender.send(dispatch, tries_before=1), Accepted)


async def test_an_attempt_that_an_adapter_reports_as_unsent_is_retried(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unsent() -> Outcome:
        raise UnsentError("MAIL: ZeroDivisionError")

    async def prepare(*_: object) -> Attempt:
        return unsent

    monkeypatch.setattr(Sandbox, "prepare", prepare)
    failure = await sender.failure_of(await sender.dispatch(await sender.world.integration(), repeatable=False))
    assert (failure.non_retryable, "MAIL" in str(failure)) == (False, True)


async def test_an_integration_that_is_gone_is_a_rejection(sender: Sender) -> None:
    dispatch = await sender.dispatch(await sender.world.integration(), repeatable=True)
    gone = dispatch.model_copy(update={"integration_id": new_id()})
    outcome = await sender.send(gone)
    assert outcome == Rejected(code="integration_not_found", failure=FailureClass.CONFIGURATION)


async def test_another_tenants_integration_sends_nothing(sender: Sender) -> None:
    dispatch = await sender.dispatch(await sender.world.integration(), repeatable=True)
    outcome = await sender.send(dispatch.model_copy(update={"tenant": "other"}))
    assert outcome == Rejected(code="integration_not_found", failure=FailureClass.CONFIGURATION)
    assert await sender.taken(dispatch.interaction_id) == 0


FOREIGN_SEAL = Vault([Fernet.generate_key().decode()]).encrypt({"token": "s3cr3t", "signingSecret": "s3cr3t"})


@pytest.mark.parametrize(
    "changes",
    [
        {"credentials": FOREIGN_SEAL},
        {"credentials": VAULT.encrypt({"token": "s3cr3t", "signingSecret": "s3cr3t", "extra": "s3cr3t"})},
        {"credentials": VAULT.encrypt({"token": "s3cr3t with spaces", "signingSecret": "s3cr3t"})},
        {"credentials": VAULT.encrypt({"token": {"deep": "s3cr3t"}})},
        {"configuration": {}},
        {"configuration": {"baseUrl": "not a url"}},
    ],
)
async def test_an_integration_that_cannot_be_opened_is_retried_and_its_error_has_no_secret(
    sender: Sender, caplog: pytest.LogCaptureFixture, changes: dict[str, object]
) -> None:
    integration = await sender.world.integration(Channel.SMS, **changes)
    failure = await sender.failure_of(await sender.dispatch(integration, repeatable=True))
    assert (failure.type, failure.non_retryable) == (INTERNAL_FAULT, False)
    assert failure.next_retry_delay == timedelta(seconds=1)
    (logged,) = [record for record in caplog.records if record.name == "iris.faults"]
    assert logged.levelname == "ERROR"
    for text in (str(failure), logged.getMessage()):
        assert integration.id in text
        assert "s3cr3t" not in text
        assert FOREIGN_SEAL not in text


async def test_a_fault_is_counted_and_stored_with_its_worker(sender: Sender) -> None:
    worker = new_id()
    activity = replace(sender.activity, faults=InternalFaults(worker))
    dispatch = await sender.dispatch(await sender.world.integration(credentials=FOREIGN_SEAL), repeatable=True)
    labels = {"kind": "credentials"}
    before = REGISTRY.get_sample_value("iris_internal_faults_total", labels) or 0
    began = utc_now()
    for _ in range(2):
        with pytest.raises(ApplicationError):
            await run(activity.dispatch, dispatch)
    assert REGISTRY.get_sample_value("iris_internal_faults_total", labels) == before + 2
    database = WorkerFault.collection().database
    (fault,) = [one for one in await WorkerFault.since(database, began) if one.worker == worker]
    assert (fault.kind, fault.occurrences) == (FaultKind.CREDENTIALS, 2)
    assert "no encryption key opens these credentials" in fault.detail


async def test_credentials_that_could_not_be_decrypted_are_looked_up_again_by_the_next_attempt(sender: Sender) -> None:
    """A key rotation re-encrypts them while a worker still has the former ones cached."""
    activity = replace(sender.activity, integrations=Integrations(timedelta(hours=1)))
    integration = await sender.world.integration(credentials=FOREIGN_SEAL)
    dispatch = await sender.dispatch(integration, repeatable=True)
    with pytest.raises(ApplicationError):
        await run(activity.dispatch, dispatch)
    await integration.change({"credentials": VAULT.encrypt({"token": TOKEN, "signingSecret": "any"})})
    assert isinstance(await run(activity.dispatch, dispatch), Accepted)


def test_the_retries_after_a_fault_come_quickly_at_first_and_slowly_then() -> None:
    delays = [retry_delay(attempt).total_seconds() for attempt in range(1, 14)]
    assert delays == [1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 64, 64, 64]


async def test_a_provider_at_an_address_that_is_not_allowed_is_a_rejection_and_is_never_asked(
    sender: Sender, world: World
) -> None:
    async with http_client(NOTHING_INSIDE) as guarded:
        dispatch = await sender.dispatch(await world.integration(), repeatable=True)
        outcome = await Sender(world, guarded).send(dispatch)
        found = await run(Sender(world, guarded).activity.find_sent, Search(dispatch=dispatch, since=utc_now()))
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.failure) == ("forbidden_address", FailureClass.CONFIGURATION)
    assert "IRIS_ALLOWED_NETWORKS" in outcome.detail
    assert found is None
    assert await sender.taken(dispatch.interaction_id) == 0


async def test_an_integration_of_a_provider_that_this_worker_lacks_is_retried(sender: Sender) -> None:
    integration = await sender.world.integration(provider="nobody")
    failure = await sender.failure_of(await sender.dispatch(integration, repeatable=True))
    assert failure.type == INTERNAL_FAULT
    assert "nobody" in str(failure)


@pytest.mark.parametrize("payload", [{}, {"Type": "email", "Body": "Hola"}, {"Type": "simple-text", "Colour": "red"}])
async def test_an_admitted_payload_that_this_worker_cannot_read_is_retried_and_not_sent(
    sender: Sender, payload: dict[str, JsonValue]
) -> None:
    dispatch = await sender.dispatch(await sender.world.integration(), repeatable=True)
    failure = await sender.failure_of(dispatch.model_copy(update={"payload": payload}))
    assert failure.type == INTERNAL_FAULT
    assert "payLoad." in str(failure)
    assert await sender.taken(dispatch.interaction_id) == 0


async def test_credentials_that_the_provider_does_not_know_are_a_rejection(sender: Sender) -> None:
    credentials = VAULT.encrypt({"token": "unknown", "signingSecret": "unknown"})
    integration = await sender.world.integration(credentials=credentials)
    outcome = await sender.send(await sender.dispatch(integration, repeatable=True))
    assert isinstance(outcome, Rejected)
    assert outcome.failure is FailureClass.CONFIGURATION


async def test_a_send_that_its_worker_interrupts_has_an_unknown_outcome(sender: Sender) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        integration = await sender.world.integration(configuration={"baseUrl": fake_provider.url})
        sending = asyncio.create_task(sender.send(await sender.dispatch(integration, repeatable=False)))
        await fake_provider.until_connections(1)
        sending.cancel()
        assert isinstance(await sending, OutcomeUnknown)


async def test_a_send_whose_interaction_is_cancelled_meanwhile_still_brings_its_answer(sender: Sender) -> None:
    """It is handed over already: if it were interrupted, its outcome would be unknown."""
    dispatch = await sender.dispatch(await sender.world.integration(), SLOW, repeatable=False)
    environment = ActivityEnvironment()
    sending = asyncio.ensure_future(environment.run(sender.activity.dispatch, dispatch))

    async def is_asked() -> bool:
        return await sender.taken(dispatch.interaction_id) > 0

    await until(is_asked)
    environment.cancel()
    assert isinstance(await sending, Accepted)


async def test_sends_over_an_integrations_limit_are_retried_soon_and_one_after_another(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stopped clock: on a busy machine, longer than the spacing passes between two refusals.
    monkeypatch.setattr("activities.bulkheads.time", SimpleNamespace(monotonic=lambda: 1_000.0))
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        integration = await sender.world.integration(configuration={"baseUrl": fake_provider.url})
        slow = [
            asyncio.create_task(sender.send(await sender.dispatch(integration, repeatable=False)))
            for _ in range(MAX_IN_FLIGHT)
        ]
        await fake_provider.until_connections(MAX_IN_FLIGHT)
        refused = [await sender.failure_of(await sender.dispatch(integration, repeatable=False)) for _ in range(3)]
        another = await sender.dispatch(await sender.world.integration(), repeatable=False)
        assert isinstance(await sender.send(another), Accepted)
        fake_provider.let_go.set()
        await asyncio.gather(*slow)
        assert isinstance(await sender.send(await sender.dispatch(integration, repeatable=False)), OutcomeUnknown)
    assert {(failure.type, failure.category) for failure in refused} == {
        (NOT_ACCEPTED, ApplicationErrorCategory.BENIGN)
    }
    assert [failure.next_retry_delay for failure in refused] == [MIN_DELAY + number * SPACING for number in range(3)]
