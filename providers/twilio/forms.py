"""The forms that Twilio's webhooks are."""

from collections.abc import Mapping
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from providers.base import UnreadableError

Present = Annotated[str, Field(min_length=1, pattern="^[^\ufffd]+$")]
"""A parameter that is there and says something, all of it in UTF-8."""


class Form(BaseModel):
    """Parameters by the names that Twilio gives them; those that it adds without notice are passed over."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_pascal, populate_by_name=True, allow_inf_nan=False, hide_input_in_errors=True
    )


AnyForm = TypeVar("AnyForm", bound=Form)


def read_form(body: bytes) -> Mapping[str, str]:
    """The parameters of a form that say something; bytes that are not UTF-8 are replaced (U+FFFD)."""
    return dict(parse_qsl(body.decode(errors="replace"), errors="replace"))


def read_as(form_type: type[AnyForm], parameters: Mapping[str, str]) -> AnyForm:
    """The parameters as the form that they should be.

    Raises:
        UnreadableError: if one is missing or is not of its type.
    """
    try:
        return form_type.model_validate(parameters)
    except ValidationError as error:
        raise UnreadableError(str(error)) from error
