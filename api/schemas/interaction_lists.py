"""Lists of interactions on the wire: what is asked for, and what an item shows."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from api.http.pagination import AskedInstant
from domain.channels import Channel
from domain.destinations import normal_forms
from domain.errors import InvalidRequestError
from domain.gate.category import Category
from domain.identifiers import Id
from domain.interaction import Direction
from domain.outcomes import MAX_WORD_LENGTH
from domain.phone_numbers import INTERNATIONAL, PhoneNumberRules
from domain.problems import Problem
from domain.status import Status
from domain.tokenizer import words_of
from queries.search import InteractionFilter, InteractionSummary
from wire.answer import Answer, Instant
from wire.interactions import DestinationAnswer, IntegrationAnswer

ListedWait = Literal[
    "scheduled",
    "window",
    "throttled",
    "in_order",
    "paused",
    "validation",
    "send",
    "search",
    "evidence",
    "delivery",
    "bounce",
]
"""Words of `queries.waiting.WAITING`."""

AskedId = Annotated[Id | None, Field(max_length=100)]


class InteractionListQuery(BaseModel):
    """Which interactions a list shows: those for which everything that is given is true."""

    model_config = ConfigDict(alias_generator=to_camel)

    status: list[Status] = Field(default=[], max_length=len(Status), description="Any of these; repeat it for several.")
    custom_status: str | None = Field(
        default=None, max_length=MAX_WORD_LENGTH, description="The provider's finer word, such as `undelivered`."
    )
    channel: Channel | None = None
    provider: str | None = Field(
        default=None, max_length=MAX_WORD_LENGTH, description="A provider's name, in lower case."
    )
    integration_id: AskedId = None
    process_id: AskedId = None
    user_id: AskedId = Field(default=None, description="An end user that it goes to or comes from.")
    destination: str | None = Field(
        default=None, max_length=1_000, description="A phone number, e-mail address or id, spelt in any usual way."
    )
    direction: Direction | None = None
    category: Category | None = Field(default=None, description="Why they are sent.")
    since: AskedInstant = None
    until: AskedInstant = None
    text: str | None = Field(
        default=None,
        max_length=200,
        description="Whole words of the summary, all of them, whatever their letter case, accents and number.",
    )
    resend_of: AskedId = Field(default=None, description="Those that repeat this interaction.")

    waiting_for: ListedWait | None = Field(
        default=None, description="What they wait for: a word of `waitsFor.awaited` in an explanation."
    )

    def to_filter(self, tenant: str, rules: PhoneNumberRules = INTERNATIONAL) -> InteractionFilter:
        """What a tenant asks for.

        Raises:
            InvalidRequestError: if the destination is none, or the text has no words.
        """
        destinations = normal_forms(self.destination, rules) if self.destination is not None else set[str]()
        words = words_of(self.text or "")
        problems: list[Problem] = []
        if self.destination is not None and not destinations:
            problems.append(Problem(field="destination", code="bad_destination"))
        if self.text is not None and not words:
            problems.append(Problem(field="text", code="no_words"))
        if problems:
            raise InvalidRequestError(problems)
        return InteractionFilter(
            tenant=tenant,
            statuses=self.status,
            custom_status=self.custom_status,
            channel=self.channel,
            provider=self.provider,
            integration_id=self.integration_id,
            process_id=self.process_id,
            user_id=self.user_id,
            destinations=destinations,
            direction=self.direction,
            category=self.category,
            words=words,
            resend_of=self.resend_of,
            waiting_for=self.waiting_for,
            since=self.since,
            until=self.until,
        )


class InteractionListItem(Answer):
    """An interaction in a list: all but its contents, its history and the provider events."""

    id: str
    summary: str
    created: Instant
    updated: Instant
    integration: IntegrationAnswer
    metadata: dict[str, JsonValue]
    primary_key: dict[str, JsonValue]
    process_id: str | None
    user_ids: list[str]
    destinations: list[DestinationAnswer]
    direction: str
    category: str | None
    status: str
    custom_status: str | None

    @classmethod
    def of(cls, item: InteractionSummary) -> "InteractionListItem":
        """The interaction as the answer shows it."""
        return cls(
            **item.model_dump(exclude={"integration", "destinations"}),
            integration=IntegrationAnswer.of(item.integration),
            destinations=[DestinationAnswer.model_validate(one.model_dump()) for one in item.destinations],
        )


PAGE_EXAMPLE: Final[dict[str, JsonValue]] = {
    "items": [
        {
            "id": "685bc5e5a3f1c2d4e5f60718",
            "summary": '{"subject":"","body":"Su cita es mañana a las 10:00","generic":null}',
            "created": "2026-06-25T09:48:21.246Z",
            "updated": "2026-06-25T09:48:23.012Z",
            "integration": {
                "integrationId": "67c98902c362797495a602c6",
                "integrationName": "SMS-1",
                "integrationTypeId": "67c98902c362797495a60201",
                "integrationTypeName": "SMS",
                "integrationTypeProviderId": "67c98902c362797495a60301",
                "integrationTypeProviderName": "Sandbox",
            },
            "metadata": {"sms": {"encoding": "GSM-7", "segments": 1}},
            "primaryKey": {},
            "processId": "685bc5e5a3f1c2d4e5f60719",
            "userIds": ["685bc5e5a3f1c2d4e5f60720"],
            "destinations": [
                {
                    "key": "PhoneNumber",
                    "value": "34638766068",
                    "group": "ungroup",
                    "userId": "685bc5e5a3f1c2d4e5f60720",
                }
            ],
            "direction": "out",
            "category": "transactional",
            "status": "COMPLETED",
            "customStatus": "delivered",
        }
    ],
    "nextCursor": None,
}
