"""Request to send one message, in the terms of the domain."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue

from domain.channels import Channel
from domain.destinations import Destination, parse_destinations
from domain.gate.category import Category
from domain.gate.opt_out_confirmation import CONFIRMATION_OF
from domain.gate.order import OrderRequest
from domain.gate.recipients import Recipients
from domain.gate.schedule import ScheduleRequest
from domain.identifiers import derived_id
from domain.interaction import (
    REGISTERED_NOTE,
    AuditTrail,
    HistoryEntry,
    IntegrationReference,
    Interaction,
    TemplateReference,
)
from domain.payloads import InvalidPayloadError, parse_payload, summary_of
from domain.phone_numbers import INTERNATIONAL, PhoneNumberRules
from domain.problems import Problem
from domain.resending import RESEND_OF
from domain.segments import segments
from domain.status import Status
from domain.strategy.reference import StrategyReference

SEGMENTS: Final = "sms"
"""Name in an interaction's metadata that holds the alphabet and segments of an SMS."""


RESERVED_METADATA: Final = frozenset({SEGMENTS, RESEND_OF, CONFIRMATION_OF})
"""Metadata names that Iris writes itself and refuses from callers."""


class Submission(BaseModel):
    """Request to send one message; its sender and integration are known, the rest is not validated yet.

    Attributes:
        interaction_id: the id of the interaction, whether or not it exists yet.
        fingerprint: distinguishes this request from another with the same `Idempotency-Key`.
        author_id: the account that made the request.
        payload: the content, as the caller wrote it.
        destinations: the recipients, as the caller wrote them.
        process_id: the process it belongs to, if the caller named one.
        attachments: ids of the uploaded files that go with it.
        template: the origin of the payload, if it was rendered from a template.
        phone_numbers: the rules for reading its phone numbers.
        new_process_id: the id of a process created for it; chosen here so that a retry creates only one.
        category: why it is sent.
        is_forced: whether it is sent to destinations that opted out.
        schedule: when it may go, as the caller wrote it; None if the caller restricted nothing.
        order: what it says about the order of its process; None if it does not keep it.
        strategy: the step of a strategy that it is; None if it is none.
        expects_new_user: whether no user had its destinations at submission, so that creating a user is tried first.
        problems: problems of the request itself; a submission with any is recorded and refused.
    """

    model_config = ConfigDict(frozen=True)

    interaction_id: str
    fingerprint: str
    tenant: str
    author_id: str
    submitted_at: datetime
    integration: IntegrationReference
    payload: dict[str, JsonValue]
    destinations: list[str]
    phone_numbers: PhoneNumberRules = INTERNATIONAL
    process_id: str | None
    new_process_id: str
    auto_create_user: bool
    auto_create_process: bool
    metadata: dict[str, JsonValue] = {}
    primary_key: dict[str, JsonValue] = {}
    attachments: list[str] = []
    template: TemplateReference | None = None
    category: Category = Category.TRANSACTIONAL
    is_forced: bool = False
    schedule: ScheduleRequest | None = None
    order: OrderRequest | None = None
    strategy: StrategyReference | None = None
    expects_new_user: bool = False
    problems: list[Problem] = []

    @property
    def joins_closed(self) -> bool:
        """Return whether it joins its process even if that was closed: an earlier step of its strategy is in it."""
        return self.strategy is not None and self.strategy.is_later

    def located(self, problems: Sequence[Problem]) -> list[Problem]:
        """Return problems of its message with their places in the request."""
        step = self.strategy
        return list(problems) if step is None else [step.located(problem) for problem in problems]

    @property
    def new_user_id(self) -> str:
        """Return the id of the user that is created if no user has its destinations.

        The id is derived, so that a repeated step finds the user that it has created, even one that was erased since.
        """
        return derived_id("user", self.interaction_id)

    def first_entry(self) -> HistoryEntry:
        """Return the first entry of the interaction's history."""
        return HistoryEntry(date=self.submitted_at, status=Status.VALIDATION_PENDING, notes=REGISTERED_NOTE)

    def parsed_destinations(self, channel: Channel) -> tuple[list[Destination], list[Problem]]:
        """Parse the destinations on a channel; invalid ones come with their problems."""
        return parse_destinations(channel, self.destinations, self.phone_numbers)

    @property
    def recipients(self) -> Recipients:
        """Return to whom it goes; destinations that are not valid are as the caller wrote them."""
        destinations, _ = self.parsed_destinations(self.integration.channel)
        return Recipients(self.tenant, self.integration, destinations, self.category, self.is_forced)

    def registered(self) -> Interaction:
        """Return the initial interaction: registered, not validated, not sent."""
        first = self.first_entry()
        destinations, _ = self.parsed_destinations(self.integration.channel)
        return Interaction(
            id=self.interaction_id,
            tenant=self.tenant,
            summary=summary_of(self.integration.channel, self.payload),
            audit_trail=AuditTrail(
                created=self.submitted_at,
                updated=self.submitted_at,
                author_id=self.author_id,
                updater_id=self.author_id,
                history=[first],
            ),
            integration=self.integration,
            metadata=self._sms_metadata() | self.metadata,
            payload=self.payload,
            primary_key=self.primary_key,
            process_id=self.process_id,
            destinations=destinations,
            attachments=self.attachments,
            template=self.template,
            category=self.category,
            strategy=self.strategy,
            status=first.status,
        )

    def _sms_metadata(self) -> dict[str, JsonValue]:
        """Return the alphabet and the number of segments of an SMS, which determine its cost."""
        if self.integration.channel is not Channel.SMS:
            return {}
        try:
            text = parse_payload(Channel.SMS, self.payload).displayed_text()
        except InvalidPayloadError:
            return {}
        counted = segments(text)
        return {SEGMENTS: {"encoding": counted.encoding, "segments": counted.parts}}


class Admission(BaseModel):
    """The answer to a submission.

    Attributes:
        interaction: the interaction as it was when the answer was decided.
        fingerprint: fingerprint of the request that created it.
        problems: reasons of a refusal; empty if it is admitted.
    """

    model_config = ConfigDict(frozen=True)

    interaction: Interaction
    fingerprint: str
    problems: list[Problem] = []
