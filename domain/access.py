"""Operations, and the roles that allow them."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.destinations import DestinationKind, normalise


class Operation(StrEnum):
    """Class of actions that a route performs; an API key may be limited to some of them (its scopes)."""

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
    STRATEGIES_READ = "strategies:read"
    STRATEGIES_WRITE = "strategies:write"
    CONSENTS_READ = "consents:read"
    CONSENTS_WRITE = "consents:write"
    CONSENTS_OVERRIDE = "consents:override"
    RULES_READ = "sending-rules:read"
    RULES_WRITE = "sending-rules:write"
    WINDOWS_IGNORE = "windows:ignore"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ACCESS_READ = "access:read"
    ACCESS_WRITE = "access:write"


class Role(StrEnum):
    """Role of an account in its tenant."""

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
        Operation.STRATEGIES_WRITE,
        Operation.CONSENTS_WRITE,
    }
)

OPERATIONS: Final[Mapping[Role, frozenset[Operation]]] = {
    Role.ADMIN: frozenset(Operation),
    Role.OPERATOR: _READS | _DAILY_WORK,
    Role.READER: _READS,
}
"""Operations that each role allows.

A reader sees everything except who has access, an operator does the daily work, and an administrator also manages
integrations, sending rules, webhook endpoints and access, and sends to people who opted out or outside the sending
windows.
"""


def login_address(text: str) -> str:
    """Return the e-mail address of an account as it is stored: independent of letter case."""
    return unicodedata.normalize("NFC", text.strip()).lower()


def account_address(text: str) -> str:
    """Return the login address for a new account.

    Raises:
        InvalidDestinationError: if the text is not an e-mail address.
    """
    return login_address(normalise(DestinationKind.EMAIL, text))


@dataclass(frozen=True, slots=True)
class Caller:
    """Account that makes the request, its tenant, and its permissions.

    Attributes:
        key_id: the API key of the request; None after a login.
        session_id: the session that the login started; None for a request with a key.
        default_country: the country in which the tenant's national phone numbers are read.
    """

    tenant: str
    account_id: str
    operations: frozenset[Operation]
    key_id: str | None = None
    session_id: str | None = None
    default_country: str | None = None
