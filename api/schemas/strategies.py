"""Strategies in requests: which steps, in which order, and what is awaited of each."""

from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue

from api.schemas.common import Asked
from api.schemas.templates import Name, TemplateChoice, VariableAnswer, VariableAsked
from domain.gate.category import Category
from domain.gate.schedule import MAX_TIME_LENGTH
from domain.identifiers import Id
from domain.payloads.email import MAX_FILES
from domain.strategy.plan import MAX_STEPS, MIN_STEPS, OnSuppressed, Success
from domain.templates import MAX_VARIABLES
from models.strategy import Strategy, StrategyVersion
from wire.answer import Answer, Instant

_MAX_DESTINATIONS: Final = 1_000


class StepRequest(Asked):
    """A step: a message through one integration, and how long its success is awaited."""

    integration_id: Id = Field(alias="integrationId", description="Through which integration.")
    payload: dict[str, JsonValue] = Field(
        default={}, alias="payLoad", description="What to send, as in a send without strategy."
    )
    template: TemplateChoice | None = Field(
        default=None, description="A template that makes the payload, instead of `payLoad`."
    )
    destinations: list[str] = Field(
        default=[],
        max_length=_MAX_DESTINATIONS,
        description="To whom, if not to `Destinations`; without either, to the user's destination of the kind that the "
        "channel needs. A step without any is skipped.",
    )
    attachments_id: list[Id] = Field(
        default=[], max_length=MAX_FILES, alias="attachmentsId", description="Files that go with it."
    )
    success_status: Annotated[Success, Field(strict=False)] | None = Field(
        default=None,
        alias="successStatus",
        description="What the message must reach, so that no other step starts. Default: `delivered` where the channel "
        "reports it, else `sent`.",
    )
    deadline: str | None = Field(
        default=None,
        max_length=MAX_TIME_LENGTH,
        description="How long that is awaited, from when the message may go: an ISO 8601 duration from `PT5S` to "
        "`PT72H`. Required of all steps but the last, whose default is `PT72H`.",
        examples=["PT2M"],
    )
    on_suppressed: Annotated[OnSuppressed, Field(strict=False)] | None = Field(
        default=None,
        alias="onSuppressed",
        description="What follows when the recipient opted out: `stop` (always for marketing) or `next` (the "
        "default for other categories).",
    )


class StrategyChoice(Asked):
    """Steps in order: each starts when the one before failed, or did not succeed in its time.

    Either the steps, or a stored strategy that has them.
    """

    id: Id | None = Field(default=None, max_length=100, description="The stored strategy.")
    version: int | None = Field(default=None, ge=1, description="Which version of it; else the newest.")
    variables: dict[str, JsonValue] = Field(
        default={},
        description="Values of its variables; they also fill variables of the same names in its steps' templates.",
    )
    mode: Literal["first"] = Field(default="first", description="The first step that succeeds ends the run.")
    steps: list[StepRequest] = Field(default=[], max_length=MAX_STEPS, description="Two to eight steps.")


_STORED_STEPS: Final = "The steps; in the texts of `payLoad`, `{{name}}` stands for a variable, as in templates."
_VARIABLES: Final = "What the placeholders stand for. Each needs an example, with which the steps are tried out."
_CATEGORY: Final = "The category of its sends, unless they name another. Default: that of the first step's template."


class StrategyRequest(Asked):
    """A strategy to store. Names are matched in any letter case."""

    name: Name
    steps: list[StepRequest] = Field(min_length=MIN_STEPS, max_length=MAX_STEPS, description=_STORED_STEPS)
    variables: list[VariableAsked] = Field(default=[], max_length=MAX_VARIABLES, description=_VARIABLES)
    category: Annotated[Category, Field(strict=False)] | None = Field(default=None, description=_CATEGORY)


class StrategyChange(Asked):
    """What to change of a strategy; what is not named stays as it is."""

    name: Name | None = None
    steps: list[StepRequest] | None = Field(
        default=None, min_length=MIN_STEPS, max_length=MAX_STEPS, description=_STORED_STEPS
    )
    variables: list[VariableAsked] | None = Field(default=None, max_length=MAX_VARIABLES, description=_VARIABLES)
    category: Annotated[Category, Field(strict=False)] | None = Field(default=None, description=_CATEGORY)


class StrategyAnswer(Answer):
    """A strategy as one of its versions says it."""

    id: str
    name: str
    version: int
    steps: list[dict[str, JsonValue]]
    variables: list[VariableAnswer]
    category: str | None
    author_id: str
    created: Instant = Field(description="When this version was made.")

    @classmethod
    def of(cls, strategy: Strategy, version: StrategyVersion | None = None) -> "StrategyAnswer":
        """A version of the strategy, the newest unless it is given, as the answer shows it."""
        version = version or strategy.newest
        return cls(
            id=strategy.id,
            name=version.name,
            version=version.number,
            steps=version.steps,
            variables=[VariableAnswer.model_validate(one.model_dump()) for one in version.variables],
            category=version.category,
            author_id=version.author_id,
            created=version.created,
        )


STRATEGY_EXAMPLE: Final[dict[str, JsonValue]] = {
    "name": "codigo-de-acceso",
    "category": "authentication",
    "variables": [{"name": "codigo", "type": "text", "required": True, "example": "123456"}],
    "steps": [
        {
            "integrationId": "67c98902c362797495a602c6",
            "payLoad": {"Type": "simple-text", "Text": "Su código es {{codigo}}"},
            "successStatus": "delivered",
            "deadline": "PT30S",
        },
        {
            "integrationId": "67c98902c362797495a602c7",
            "payLoad": {"Type": "simple-text", "Text": "Su código es {{codigo}}"},
        },
    ],
}

STRATEGY_ANSWER: Final[dict[str, JsonValue]] = {
    "id": "67c98902c362797495a60701",
    **STRATEGY_EXAMPLE,
    "version": 1,
    "authorId": "67ab5a30265f8a4e73196c0c",
    "created": "2026-12-01T09:48:21.246Z",
}


RUN_EXAMPLE: Final[dict[str, JsonValue]] = {
    "id": "685bc5e5c707c57a2a9d0a01",
    "strategyId": None,
    "name": None,
    "version": None,
    "category": "authentication",
    "processId": "685bc5e4c707c57a2a9d09c5",
    "authorId": "67ab5a30265f8a4e73196c0c",
    "created": "2026-12-01T09:48:21.246Z",
    "ended": None,
    "outcome": None,
    "cancelledBy": None,
    "deliveredTwice": False,
    "next": "Espera delivered del paso 2 hasta 2026-12-04T09:48:51.301Z; entonces termina sin confirmar",
    "steps": [
        {
            "step": 1,
            "interactionId": "685bc5e5c707c57a2a9d09c6",
            "integration": {
                "integrationId": "67c98902c362797495a602c6",
                "integrationName": "WhatsApp-1",
                "integrationTypeId": "684bca2b65457325f7995be8",
                "integrationTypeName": "WhatsApp",
                "integrationTypeProviderId": "684bca2b65457325f7995be9",
                "integrationTypeProviderName": "Acme",
            },
            "successStatus": "delivered",
            "deadlineSeconds": 30,
            "progress": "sent",
            "status": "SENT",
            "customStatus": "sent",
            "reason": "first",
            "explanation": "Es el primer paso",
            "recall": None,
            "overlap": "possible",
            "overlapReason": "El proveedor no admite validez por mensaje en este canal: puede llegar después",
            "started": "2026-12-01T09:48:21.246Z",
            "until": "2026-12-01T09:48:51.246Z",
        },
        {
            "step": 2,
            "interactionId": "685bc5e5c707c57a2a9d09c7",
            "integration": {
                "integrationId": "67c98902c362797495a602c7",
                "integrationName": "SMS-1",
                "integrationTypeId": "684bca2b65457325f7995be6",
                "integrationTypeName": "SMS",
                "integrationTypeProviderId": "684bca2b65457325f7995be7",
                "integrationTypeProviderName": "Acme",
            },
            "successStatus": "delivered",
            "deadlineSeconds": 259200,
            "progress": "unsent",
            "status": "DISPATCH_PENDING",
            "customStatus": None,
            "reason": "deadline",
            "explanation": "El paso anterior no llegó a lo esperado en su plazo",
            "recall": None,
            "overlap": "none",
            "overlapReason": "Ningún paso la sigue",
            "started": "2026-12-01T09:48:51.301Z",
            "until": "2026-12-04T09:48:51.301Z",
        },
    ],
}
