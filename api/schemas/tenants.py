"""The tenant's own settings on the wire."""

from typing import Literal

from pydantic import Field

from api.envelope import Envelope
from api.schemas.common import Answer, Asked, Instant
from models.access import Tenant


class TenantChange(Asked):
    """What to change of the tenant; what is not named stays as it is."""

    inbound_to_closed: Literal["replace", "reopen"] | None = Field(
        default=None,
        alias="inboundToClosed",
        description="What a message does that comes from a user whose last process is closed: opens another "
        "(`replace`), or that one again (`reopen`).",
    )


class TenantAnswer(Answer):
    """A tenant."""

    name: str
    inbound_to_closed: str
    created: Instant

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantAnswer":
        """The tenant as the answer shows it."""
        return cls(name=tenant.name, inbound_to_closed=tenant.inbound_to_closed, created=tenant.created)


class TenantEnvelope(Envelope):
    """The answer that carries a tenant."""

    payload: TenantAnswer | None = None
