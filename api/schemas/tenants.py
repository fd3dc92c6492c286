"""The tenant's own settings on the wire."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.schemas.common import Asked
from domain.phone_numbers import COUNTRIES
from models.access import Tenant
from wire.answer import Answer, Instant


def _country(text: str) -> str:
    code = text.strip().upper()
    if code and code not in COUNTRIES:
        raise PydanticCustomError("country", "an ISO 3166-1 code of two letters, such as ES")
    return code


class TenantChange(Asked):
    """What to change of the tenant; what is not named stays as it is."""

    inbound_to_closed: Literal["replace", "reopen"] | None = Field(
        default=None,
        alias="inboundToClosed",
        description="What a message does that comes from a user whose last process is closed: opens another "
        "(`replace`), or that one again (`reopen`).",
    )
    default_country: Annotated[str, AfterValidator(_country)] | None = Field(
        default=None,
        alias="defaultCountry",
        description="The country in which phone numbers without `+` or `00` are read first, by its ISO 3166-1 code, as "
        "`ES`; empty for none: then such a number needs its country code, and is refused if it is not valid with it.",
        examples=["ES"],
    )


class TenantAnswer(Answer):
    """A tenant."""

    name: str
    inbound_to_closed: str
    default_country: str | None
    created: Instant

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantAnswer":
        """The tenant as the answer shows it."""
        return cls.model_validate(tenant.model_dump(include=set(cls.model_fields)))
