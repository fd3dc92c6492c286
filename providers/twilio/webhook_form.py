"""Form bodies of Twilio's webhooks."""

from collections.abc import Mapping
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from providers.base import UnreadableError

Present = Annotated[str, Field(min_length=1, pattern="^[^\ufffd]+$")]
"""Non-empty parameter in valid UTF-8."""


class Form(BaseModel):
    """Parameters by Twilio's names; those that Twilio adds without notice are ignored."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_pascal, populate_by_name=True, allow_inf_nan=False, hide_input_in_errors=True
    )


AnyForm = TypeVar("AnyForm", bound=Form)


def read_form(body: bytes) -> Mapping[str, str]:
    """Parse the non-empty parameters of a form; bytes that are not UTF-8 are replaced (U+FFFD)."""
    return dict(parse_qsl(body.decode(errors="replace"), errors="replace"))


def read_as(form_type: type[AnyForm], parameters: Mapping[str, str]) -> AnyForm:
    """Parse the parameters as this form.

    Raises:
        UnreadableError: if one is missing or is not of its type.
    """
    try:
        return form_type.model_validate(parameters)
    except ValidationError as error:
        raise UnreadableError(str(error)) from error
