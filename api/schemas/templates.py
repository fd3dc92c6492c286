"""Templates on the wire."""

from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints

from api.schemas.common import Asked
from domain.channels import Channel
from domain.formats import DEFAULT_STYLE, LanguageTag, TimeZoneName
from domain.gate.category import Category
from domain.identifiers import Id
from domain.templates import MAX_VARIABLES, VariableName, VariableType
from models.template import Template, Version
from wire.answer import Answer, Instant

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]

_PAYLOAD: Final = "A payload of the channel; in its texts `{{name}}` stands for a variable, "
"`{{name|date:long}}` for one that is written in the template's language, and `{{{{` for two braces."
_VARIABLES: Final = "What the placeholders stand for. Each needs an example, with which the template is tried out."

_CATEGORY: Final = "Why messages made with it are sent: the default category of their sends."
_LANGUAGE: Final = "The language of its formatted dates and numbers, a BCP 47 tag."
_TIME_ZONE: Final = "Where instants with an offset are shown, an IANA name; instants without one are shown as written."


class VariableAsked(Asked):
    """A variable of a template."""

    name: VariableName
    type: Annotated[VariableType, Field(strict=False)] = VariableType.TEXT
    required: bool = True
    example: str | int | float


class TemplateRequest(Asked):
    """A template to create. Names are matched in any letter case."""

    name: Name
    channel: Annotated[Channel, Field(strict=False)]
    payload: dict[str, JsonValue] = Field(description=_PAYLOAD)
    variables: list[VariableAsked] = Field(default=[], max_length=MAX_VARIABLES, description=_VARIABLES)
    language: LanguageTag = Field(default=DEFAULT_STYLE.language, description=_LANGUAGE)
    time_zone: TimeZoneName = Field(default=DEFAULT_STYLE.time_zone, alias="timeZone", description=_TIME_ZONE)
    category: Annotated[Category, Field(strict=False)] = Field(default=Category.TRANSACTIONAL, description=_CATEGORY)


class TemplateChange(Asked):
    """What to change of a template; what is not named stays as it is."""

    name: Name | None = None
    payload: dict[str, JsonValue] | None = Field(default=None, description=_PAYLOAD)
    variables: list[VariableAsked] | None = Field(default=None, max_length=MAX_VARIABLES, description=_VARIABLES)
    language: LanguageTag | None = Field(default=None, description=_LANGUAGE)
    time_zone: TimeZoneName | None = Field(default=None, alias="timeZone", description=_TIME_ZONE)
    category: Annotated[Category, Field(strict=False)] | None = Field(default=None, description=_CATEGORY)


class RenderRequest(Asked):
    """What to fill a template with."""

    version: int | None = Field(default=None, ge=1, description="Which version; else the newest.")
    variables: dict[str, JsonValue] = Field(default={}, description="Values by the variables' names.")


class TemplateChoice(RenderRequest):
    """Which template to send, and what to fill it with."""

    id: Id = Field(max_length=100)


class VariableAnswer(Answer):
    """A variable of a template."""

    name: str
    type: str
    required: bool
    example: str | int | float


class TemplateAnswer(Answer):
    """A template as one of its versions says it."""

    id: str
    name: str
    channel: str
    version: int
    payload: dict[str, JsonValue]
    variables: list[VariableAnswer]
    language: str
    time_zone: str
    category: str
    author_id: str
    created: Instant = Field(description="When this version was made.")

    @classmethod
    def of(cls, template: Template, version: Version | None = None) -> "TemplateAnswer":
        """A version of the template, the newest unless it is given, as the answer shows it."""
        version = version or template.newest
        return cls(
            id=template.id,
            name=version.name,
            channel=template.channel,
            version=version.number,
            payload=version.payload,
            variables=[VariableAnswer.model_validate(one.model_dump()) for one in version.variables],
            language=version.language,
            time_zone=version.time_zone,
            category=version.category,
            author_id=version.author_id,
            created=version.created,
        )


class Rendered(Answer):
    """What would be sent."""

    version: int
    payload: dict[str, JsonValue]
    summary: str


TEMPLATE_EXAMPLE: Final[dict[str, JsonValue]] = {
    "name": "recordatorio",
    "channel": "SMS",
    "payload": {"Type": "simple-text", "Text": "{{nombre}}, su cita es el {{fecha}}"},
    "variables": [
        {"name": "nombre", "type": "text", "required": True, "example": "Ana"},
        {"name": "fecha", "type": "date", "required": True, "example": "2026-12-01"},
    ],
}

TEMPLATE_ANSWER: Final[dict[str, JsonValue]] = {
    "id": "67c98902c362797495a60501",
    **TEMPLATE_EXAMPLE,
    "language": "es",
    "timeZone": "Europe/Madrid",
    "category": "transactional",
    "version": 1,
    "authorId": "67ab5a30265f8a4e73196c0c",
    "created": "2026-11-27T09:48:21.246Z",
}
