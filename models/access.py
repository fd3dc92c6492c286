"""Who may call: tenants, their accounts and their API keys."""

from datetime import datetime

from pydantic import Field
from pymongo import ASCENDING, IndexModel

from domain.clock import utc_now
from domain.reception import InboundToClosed
from models.base import Stored


class Tenant(Stored):
    """A customer organisation; every record belongs to one by its name.

    Attributes:
        inbound_to_closed: what a message does that comes from a user whose last process is closed.
    """

    name: str
    inbound_to_closed: InboundToClosed = InboundToClosed.REPLACE
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored."""

        name = "tenants"
        indexes = [IndexModel([("name", ASCENDING)], unique=True)]


class Account(Stored):
    """A person or a machine that calls the API; the author of what it creates."""

    tenant: str
    email: str
    password_hash: str
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored; an address logs in to a tenant once."""

        name = "accounts"
        indexes = [IndexModel([("tenant", ASCENDING), ("email", ASCENDING)], unique=True)]


class ApiKey(Stored):
    """A key by which a program calls as an account. Only its hash is kept."""

    tenant: str
    account_id: str
    name: str
    key_hash: str
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored."""

        name = "api_keys"
        indexes = [IndexModel([("key_hash", ASCENDING)], unique=True)]
