"""Canaries of personal data: a user with one mark in every field that can hold personal data, and a search for it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from beanie import Document
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from domain.clock import utc_now
from domain.destinations import Destination, DestinationKind
from domain.events import ProviderEvent
from domain.gate.category import Category
from domain.gate.consent import ConsentCategory, ConsentChange, ConsentSource, ConsentState, Coverage, Evidence
from domain.identifiers import new_id
from domain.interaction import UNWRITTEN, Direction, DispatchPolicy, HistoryEntry, RecordedEvent, TemplateReference
from domain.outcomes import FailureClass
from domain.problems import Problem
from domain.status import Milestone, Status
from domain.strategy.reference import StrategyReference
from domain.strategy.run import Run, RunStep
from domain.submission import Submission
from domain.webhook_events import NotificationState, WebhookEventType
from integrations.references import to_reference
from models.access import Account, ApiKey, RefreshToken, Session, Tenant
from models.attachment import Attachment
from models.audit import AuditEntry
from models.consent import Consent, ConsentKey
from models.integration import Integration
from models.interaction import Interaction
from models.notification import Attempt, Notification, SuspendedHost
from models.process import Process
from models.reach_count import ReachCount
from models.sender_throttle import RecipientThrottle, SenderThrottle
from models.sending_rules import SendingRules
from models.soft_bounces import SoftBounces
from models.strategy import EarlierStrategy, Strategy
from models.strategy_run import StrategyRun
from models.template import Template, TemplateVersion
from models.throttle import KnownNetwork, LoginTries
from models.unmatched import UnmatchedEvent
from models.user import OwnedDestination, User
from models.webhook import SeenWebhook
from models.worker_fault import WorkerFault
from tests.activities.factories import CONSENTS, World

NOTHING_OF_USERS: Final[frozenset[type[Document]]] = frozenset(
    {
        *(Account, ApiKey, RefreshToken, Session, Tenant, KnownNetwork, LoginTries),  # data of callers
        AuditEntry,  # names of fields, never values
        *(SuspendedHost, Integration, SendingRules, Template, TemplateVersion),
        *(Strategy, EarlierStrategy),  # the tenant's configuration
        ReachCount,  # a hash, and a number without its last four digits
        *(SeenWebhook, SenderThrottle, RecipientThrottle),  # hashes
        SoftBounces,  # a hash of an HMAC, and when; forgotten at the erasure
        ConsentKey,  # random bytes
        WorkerFault,  # errors of our own, without contents
    }
)
"""Documents that hold no data of end users, and why."""


@dataclass(frozen=True)
class Marked:
    """Documents of a user: one of every kind that can hold its data, with every field filled.

    Attributes:
        said: mark of the content sent to both users.
    """

    mark: str
    said: str
    user: User
    other: User
    attachment: Attachment
    process: Process
    alone: Interaction
    refused: Interaction
    of_several: Interaction
    notification: Notification
    unmatched: UnmatchedEvent
    consent: Consent
    run: StrategyRun

    @property
    def documents(self) -> list[Document]:
        return [value for value in vars(self).values() if isinstance(value, Document)]


async def marked(world: World, mark: str) -> Marked:
    """Create a user all of whose data contains a mark."""
    integration = await world.integration()
    user = User(
        tenant=world.tenant,
        name=mark,
        metadata={mark: mark},
        destinations=[OwnedDestination(kind=DestinationKind.PHONE_NUMBER, value=mark)],
        time_zone=mark,
        fingerprint=mark,
    )
    await user.insert()
    other = await world.user(OwnedDestination(kind=DestinationKind.PHONE_NUMBER, value=new_id()))
    attachment = Attachment(
        tenant=world.tenant, author_id=new_id(), file_name=f"{mark}.txt", media_type="text/plain", idempotency_key=mark
    )
    await attachment.upload(_chunks(mark), timedelta(days=7), idempotency_key=mark)
    process = await world.process(
        integration_id=integration.id,
        user_ids=[user.id],
        metadata={mark: mark},
        metadata_keys=[f"{mark}={mark}"],
        primary_key={mark: mark},
        primary_key_keys=[f"{mark}={mark}"],
        group_id=new_id(),
        is_draft=True,
        last_direction=Direction.OUT,
        last_interaction_id=new_id(),
        last_interaction_at=utc_now(),
        fingerprint=mark,
    )
    own = Destination(key=DestinationKind.PHONE_NUMBER, value=mark, user_id=user.id)
    others = Destination(key=DestinationKind.PHONE_NUMBER, value=other.destinations[0].value, user_id=other.id)
    with_it: dict[str, Any] = {"user_ids": [user.id], "destinations": [own]}
    strategy_run = await _run(mark, integration)
    step = StrategyReference(run_id=strategy_run.id, step=1, of=1, deadline=timedelta(hours=1))
    alone = await _interaction(
        mark, integration, attachments=[attachment.id], process_id=process.id, strategy=step, **with_it
    )
    refused = await _interaction(mark, integration, user_ids=[], destinations=[own], status=Status.VALIDATION_ERROR)
    said_to_both = new_id()
    theirs: dict[str, Any] = {name: {said_to_both: said_to_both} for name in ("metadata", "primary_key", "payload")}
    theirs |= {f"{name}_keys": [f"{said_to_both}={said_to_both}"] for name in ("metadata", "primary_key")}
    of_several = await _interaction(
        mark,
        integration,
        user_ids=[user.id, other.id],
        destinations=[own, others],
        summary=said_to_both,
        words=[said_to_both],
        fingerprint=said_to_both,
        template=TemplateReference(id=new_id(), name="x", version=1, variables={"x": said_to_both}),
        problems=[],
        provider_events=[_received(mark, destination) for destination in (mark, others.value, None)],
        **theirs,
    )
    notification = Notification(
        tenant=world.tenant,
        integration_id=integration.id,
        interaction_id=alone.id,
        event=WebhookEventType.STATUS_CHANGED,
        position=1,
        user_ids=[user.id],
        is_unbegun=True,
        host="crm.example.com:443",
        created=utc_now(),
        body=f'{{"Payload": "{mark}"}}',
        state=NotificationState.DELIVERED,
        round=2,
        began=utc_now(),
        next_attempt=utc_now(),
        attempts=[Attempt(round=1, number=1, date=utc_now(), status=500, error="it answered 500", took=0.1)],
        redelivery=new_id(),
    )
    await notification.insert()
    unmatched = UnmatchedEvent(
        tenant=world.tenant,
        integration_id=integration.id,
        reason="no interaction",
        event=_event(mark),
        body=f'{{"from": "+{mark.upper()}"}}',
    )
    await unmatched.insert()
    unnamed = _event(mark).model_copy(update={"destination": None})
    unreadable = {"tenant": world.tenant, "integration_id": integration.id, "reason": "unreadable"}
    await UnmatchedEvent.model_validate({**unreadable, "event": unnamed.model_dump()}).insert()
    await UnmatchedEvent.model_validate({**unreadable, "body": unmatched.body}).insert()
    consent = await _consent(world.tenant, mark)
    return Marked(
        mark,
        said_to_both,
        user,
        other,
        attachment,
        process,
        alone,
        refused,
        of_several,
        notification,
        unmatched,
        consent,
        strategy_run,
    )


async def _run(mark: str, integration: Integration) -> StrategyRun:
    submission = Submission(
        interaction_id=new_id(),
        fingerprint=mark,
        tenant=integration.tenant,
        author_id=new_id(),
        submitted_at=utc_now(),
        integration=to_reference(integration),
        payload={mark: mark},
        destinations=[mark],
        process_id=None,
        new_process_id=new_id(),
        auto_create_user=True,
        auto_create_process=True,
        metadata={mark: mark},
        primary_key={mark: mark},
    )
    step = RunStep(
        deadline=timedelta(hours=1),
        interaction_id=submission.interaction_id,
        integration=submission.integration,
        submission=submission,
    )
    run = Run(
        id=new_id(),
        tenant=integration.tenant,
        author_id=new_id(),
        fingerprint=mark,
        created=utc_now(),
        category=Category.TRANSACTIONAL,
        steps=[step],
    )
    return await StrategyRun.register(run, UNWRITTEN, new_id())


async def _consent(tenant: str, mark: str) -> Consent:
    stated = ConsentChange(
        kind=DestinationKind.PHONE_NUMBER,
        value=mark,
        coverage=Coverage.of_tenant(ConsentCategory.ALL),
        state=ConsentState.OUT,
        source=ConsentSource.KEYWORD,
        at=utc_now(),
        evidence=Evidence(interaction_id=new_id(), text=mark),
    )
    await CONSENTS.record(tenant, [stated])
    consent = await Consent.find_one({"tenant": tenant, "value": mark})
    assert consent is not None
    return consent


async def stored_documents(selector: Mapping[str, object]) -> AsyncIterator[tuple[str, bytes]]:
    """Yield all documents of the database that a selector finds, with their collections, as they are stored."""
    as_stored: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
    database: AsyncDatabase[Any] = User.collection().database
    for name in await database.list_collection_names():
        collection: AsyncCollection[RawBSONDocument] = database.get_collection(name, as_stored)
        async for document in collection.find(selector):
            yield name, bytes(document.raw)


async def where(mark: str) -> set[str]:
    """Return the collections that contain a mark anywhere, as text or in binary, in any letter case."""
    sought = mark.lower().encode()
    return {name async for name, document in stored_documents({}) if sought in document.lower()}


async def _interaction(mark: str, integration: Integration, **changes: object) -> Interaction:
    now = utc_now()
    values: dict[str, Any] = {
        "tenant": integration.tenant,
        "fingerprint": mark,
        "registered_by": new_id(),
        "sequence": 4,
        "revision": UNWRITTEN,
        "summary": mark,
        "words": [mark],
        "created": now - timedelta(minutes=1),
        "updated": now,
        "author_id": new_id(),
        "updater_id": new_id(),
        "history": [HistoryEntry(date=now, status=status, custom_status="x", notes=mark) for status in Status],
        "provider_events": [_received(mark, mark)],
        "integration": to_reference(integration),
        "metadata": {mark: mark},
        "metadata_keys": [f"{mark}={mark}"],
        "payload": {mark: mark},
        "primary_key": {mark: mark},
        "primary_key_keys": [f"{mark}={mark}"],
        "template": TemplateReference(id=new_id(), name="reminder", version=1, variables={mark: mark}),
        "category": Category.MARKETING,
        "direction": Direction.OUT,
        "status": Status.SENT,
        "custom_status": "queued",
        "due": now,
        "milestone": Milestone.ACCEPTED,
        "provider_message_ids": [mark],
        "policy": DispatchPolicy(repeatable=True, reports_delivery=True, reports_reads=True),
        "problems": [Problem(field=mark, code="x", details={"reason": mark})],
    }
    interaction = Interaction.model_validate(values | changes)
    await interaction.insert()
    return interaction


def _received(mark: str, destination: str | None) -> RecordedEvent:
    event = _event(mark).model_copy(update={"destination": destination})
    return RecordedEvent(
        id=new_id(), received_at=utc_now(), event=event, status=Status.SENT, applied=False, reason="repeated"
    )


def _event(mark: str) -> ProviderEvent:
    return ProviderEvent(
        key=mark,
        provider_status="sent",
        milestone=Milestone.ACCEPTED,
        reference=mark,
        provider_message_id=mark,
        destination=mark,
        code="12",
        failure=FailureClass.OTHER,
        detail=mark,
    )


async def _chunks(mark: str) -> AsyncIterator[bytes]:
    yield b"\x00\xff" + mark.encode()
