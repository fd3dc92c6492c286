"""Base of what an integration says to its provider: configuration and credentials."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr
from pydantic.alias_generators import to_camel

from domain.texts import invalid_value


class ProviderSettings(BaseModel):
    """Base of every provider's configuration and credentials: camelCase in JSON, unknown names refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


def _bare(url: HttpUrl) -> HttpUrl:
    if url.username or url.password or url.query or url.fragment:
        raise invalid_value(
            "no puede tener usuario, contraseña, consulta ni fragmento",
            "it must have no user, no password, no query and no fragment",
        )
    return url


BaseUrl = Annotated[HttpUrl, AfterValidator(_bare)]
"""Base URL of a provider's API; also for another region or a test double."""

Secret = Annotated[SecretStr, Field(min_length=1)]
"""Secret of an integration: never empty, because an empty one would verify anything."""
