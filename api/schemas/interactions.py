"""Requests to send, and their answers."""

from collections.abc import Mapping
from typing import Annotated, Final, cast

from pydantic import Field, JsonValue

from api.http.request_body import parse_readable_fields
from api.schemas.common import Asked
from api.schemas.orders import OrderFields
from api.schemas.strategies import StrategyChoice
from api.schemas.templates import TemplateChoice
from domain.gate.category import Category
from domain.gate.schedule import ScheduleRequest
from domain.identifiers import Id
from domain.interaction import Interaction
from domain.payloads.email import MAX_FILES
from domain.problems import Problem
from domain.submission import RESERVED_METADATA
from wire.interactions import InteractionAnswer

MAX_DESTINATIONS: Final = 1_000
"""Destinations that are read of a request; a provider's own limit is tighter."""


class SendRequest(Asked, ScheduleRequest, OrderFields):
    """A message to send: `payLoad`, or `template` that makes it. Names are matched in any letter case."""

    payload: dict[str, JsonValue] = Field(
        default={},
        alias="payLoad",
        description="What to send; `Type` says which kind of message within the integration's channel.",
    )
    template: TemplateChoice | None = Field(
        default=None, description="A template that makes the payload, instead of `payLoad`: which, and with what."
    )
    integration_id: Id = Field(
        default="",
        alias="integrationId",
        description="Through which integration: its channel, provider and configuration. Required without `strategy`.",
    )
    strategy: StrategyChoice | None = Field(
        default=None,
        description="Steps to try one after the other, each with its own integration and content, instead of "
        "`integrationId` and `payLoad` or `template`.",
    )
    process_id: Id | None = Field(
        default=None, alias="processId", description="The process (conversation) it belongs to, if it exists already."
    )
    destinations: list[str] = Field(
        default=[],
        max_length=MAX_DESTINATIONS,
        alias="Destinations",
        description="To whom: phone numbers, e-mail addresses or ids of the channel. Required without `strategy`.",
    )
    auto_create_user: bool = Field(
        default=True, alias="AutoCreateUser", description="Make a user when none has any of the destinations."
    )
    auto_create_process: bool = Field(
        default=True, alias="AutoCreateProcess", description="Make a process when `processId` is null or empty."
    )
    metadata: dict[str, JsonValue] = Field(
        default={},
        description="What you want to find in the answer again, and in lists (`?metadata.name=value`, of the first 100 "
        "names); not as `sms` or `resendOf`, which Iris gives.",
    )
    primary_key: dict[str, JsonValue] = Field(
        default={},
        alias="primaryKey",
        description="Your own identifiers of this interaction; lists find it by them (`?primaryKey.name=value`, of the "
        "first 100 names).",
    )
    attachments_id: list[Id] = Field(
        default=[],
        max_length=MAX_FILES,
        alias="attachmentsId",
        description="Files that go with it, uploaded before: they are added to a mail, and are what a media payload "
        "without `Url` sends.",
    )
    category: Annotated[Category, Field(strict=False)] | None = Field(
        default=None,
        description="Why it is sent: `authentication`, `transactional` or `marketing`. Opt-outs of marketing refuse "
        "marketing only. Default: the template's category; `transactional` without template.",
    )
    force: bool = Field(
        default=False,
        description="Send it to destinations that opted out too, with the scope `consents:override`; it is audited.",
    )
    dry_run: bool = Field(
        default=False,
        alias="dryRun",
        description="Only check: answers what a send would answer, with `dryRun: true`, and sends and stores nothing.",
    )

    @property
    def schedule(self) -> ScheduleRequest | None:
        """When it may go; None if nothing restricts it."""
        given = {name: getattr(self, name) for name in ScheduleRequest.model_fields}
        if all(value is None for value in given.values()):
            return None
        return ScheduleRequest.model_construct(**given)

    @classmethod
    def readable(cls, raw: Mapping[str, JsonValue]) -> tuple["SendRequest", list[Problem]]:
        """What of a request can be read, and what is wrong with the rest of it.

        A destination that is no text is read as an empty one, so that the others keep their places. A `dryRun` that is
        no boolean asks for a dry run all the same, so that nothing is stored by mistake.
        """
        given = cls.folded(dict(raw))
        destinations = given.get("Destinations")
        texts: list[JsonValue] = []
        if isinstance(destinations, list):
            listed = cast("list[JsonValue]", destinations)[:MAX_DESTINATIONS]
            texts = [one if isinstance(one, str) else "" for one in listed]
        instead: dict[str, JsonValue] = {"integrationId": "", "Destinations": texts}
        if given.get("dryRun") is not None:
            instead["dryRun"] = True
        asked, problems = parse_readable_fields(cls, given, instead)
        problems += _problems_of_means(given)
        reserved = [name for name in asked.metadata if name in RESERVED_METADATA]
        problems += [Problem(field=f"metadata.{name}", code="reserved_name") for name in reserved]
        # What is recorded of the refused request is found by none of them either.
        own = {name: value for name, value in asked.metadata.items() if name not in RESERVED_METADATA}
        return asked.model_copy(update={"metadata": own}), problems


_OF_STEPS: Final = ("integrationId", "payLoad", "template", "attachmentsId", "inOrder")
"""Fields that each step of a strategy has for itself, or that a strategy does not have."""


def _problems_of_means(given: Mapping[str, JsonValue]) -> list[Problem]:
    """What is missing of a send, or is in it together with a strategy."""
    if given.get("strategy") is not None:
        return [Problem(field=name, code="not_with_strategy") for name in _OF_STEPS if given.get(name)]
    missing = [name for name in ("integrationId", "Destinations") if given.get(name) is None]
    has_content = "payLoad" in given or given.get("template") is not None
    return [Problem(field=name, code="missing") for name in (*missing, *(() if has_content else ("payLoad",)))]


class SendAnswer(InteractionAnswer):
    """What a send answers: the interaction; the three fields more are in the answer to a dry run alone."""

    dry_run: bool = Field(default=False, description="Nothing was sent or stored: the interaction does not exist.")
    creates_user: bool = Field(default=False, description="A send would create a user for the destinations.")
    creates_process: bool = Field(default=False, description="A send would create a process.")

    @classmethod
    def of_dry_run(cls, interaction: Interaction, *, creates_user: bool, creates_process: bool) -> "SendAnswer":
        """The interaction that a send would make."""
        return cls(
            **dict(InteractionAnswer.of(interaction)),
            dry_run=True,
            creates_user=creates_user,
            creates_process=creates_process,
        )
