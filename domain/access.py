"""Who may do what: operations, and the roles that allow them."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.destinations import DestinationKind, normalise


class Operation(StrEnum):
    """What a route does; an API key may be limited to some (its scopes)."""

    INTERACTIONS_READ = "interactions:read"
    INTERACTIONS_WRITE = "interactions:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    PROCESSES_READ = "processes:read"
    PROCESSES_WRITE = "processes:write"
    INTEGRATIONS_READ = "integrations:read"
    INTEGRATIONS_WRITE = "integrations:write"
    ATTACHMENTS_READ = "attachments:read"
    ATTACHMENTS_WRITE = "attachments:write"
    TEMPLATES_READ = "templates:read"
    TEMPLATES_WRITE = "templates:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ACCESS_READ = "access:read"
    ACCESS_WRITE = "access:write"


class Role(StrEnum):
    """What an account is in its tenant."""

    ADMIN = "admin"
    OPERATOR = "operator"
    READER = "reader"


_READS: Final = frozenset(
    operation for operation in Operation if operation.endswith(":read") and operation is not Operation.ACCESS_READ
)
_DAILY_WORK: Final = frozenset(
    {
        Operation.INTERACTIONS_WRITE,
        Operation.USERS_WRITE,
        Operation.PROCESSES_WRITE,
        Operation.ATTACHMENTS_WRITE,
        Operation.TEMPLATES_WRITE,
    }
)

OPERATIONS: Final[Mapping[Role, frozenset[Operation]]] = {
    Role.ADMIN: frozenset(Operation),
    Role.OPERATOR: _READS | _DAILY_WORK,
    Role.READER: _READS,
}
"""What each role may do: a reader sees everything but who has access; an operator does the daily work; an administrator
also decides through which integrations messages go, who is told, and who has access."""


def login_address(text: str) -> str:
    """The e-mail address of an account as it is stored: in whichever letter case it is written, there is one."""
    return unicodedata.normalize("NFC", text.strip()).lower()


def account_address(text: str) -> str:
    """The same of an account that is made.

    Raises:
        InvalidDestinationError: if it is no address.
    """
    return login_address(normalise(DestinationKind.EMAIL, text))


@dataclass(frozen=True, slots=True)
class Caller:
    """The account that calls, its tenant, and what it may do.

    Attributes:
        key_id: the API key that it calls with; none where it logged in.
        session_id: what its login began; none where it calls with a key.
        default_country: the country in which its tenant's national phone numbers are read.
    """

    tenant: str
    account_id: str
    operations: frozenset[Operation]
    key_id: str | None = None
    session_id: str | None = None
    default_country: str | None = None
