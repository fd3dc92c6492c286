"""Who may call: tenants, their accounts, the accounts' API keys and sessions."""

from datetime import datetime
from hmac import compare_digest

from pydantic import Field
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession

from domain.access import OPERATIONS, Operation, Role
from domain.clock import utc_now
from domain.reception import InboundToClosed
from models.base import Stored

_NEWEST_FIRST = [("tenant", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)]


class Tenant(Stored):
    """A customer organisation; every record belongs to one by its name.

    Attributes:
        inbound_to_closed: what a message does that comes from a user whose last process is closed.
        default_country: the country in which its national phone numbers are read; without one they are refused.
    """

    name: str
    inbound_to_closed: InboundToClosed = InboundToClosed.REPLACE
    default_country: str | None = None
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored."""

        name = "tenants"
        indexes = [IndexModel([("name", ASCENDING)], unique=True)]


class Account(Stored):
    """A person or a machine that calls the API; the author of what it creates.

    Attributes:
        disabled: whether neither a password, a session nor a key of it counts.
        fingerprint: of the request with an `Idempotency-Key` that made it, sealed, since the password is in it.
        touched: raised in each change that could take a tenant's last administrator, so that of two at once one waits.
    """

    tenant: str
    email: str
    password_hash: str
    role: Role = Role.ADMIN
    disabled: bool = False
    touched: int = 0
    fingerprint: str | None = None
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored; an address logs in to a tenant once."""

        name = "accounts"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("email", ASCENDING)], unique=True),
            IndexModel(_NEWEST_FIRST),
        ]

    @property
    def is_administrator(self) -> bool:
        """Whether it keeps its tenant from having no administrator."""
        return self.role is Role.ADMIN and not self.disabled

    @property
    def operations(self) -> frozenset[Operation]:
        """What it may do."""
        return frozenset[Operation]() if self.disabled else OPERATIONS[self.role]

    async def is_last_administrator(self, session: AsyncClientSession) -> bool:
        """Whether its tenant would have no administrator without it.

        True for one of several such transactions only once the others are over: each writes to all administrators.
        """
        lesser = [role for role in Role if role is not Role.ADMIN]
        administrators = {"tenant": self.tenant, "role": {"$nin": lesser}, "disabled": {"$ne": True}}
        accounts = Account.collection()
        await accounts.update_many(administrators, {"$inc": {"touched": 1}}, session=session)
        others = {**administrators, "_id": {"$ne": self.id}}
        return self.is_administrator and await accounts.find_one(others, session=session) is None


class ApiKey(Stored):
    """A key by which a program calls as an account. Only its hash is kept.

    Attributes:
        scopes: what of its account's role it may do; none means all.
        previous_hash: of the secret that it had before its last rotation.
        previous_until: until when that one still works.
        used: when it was last used, to the minute.
        fingerprint: of the request that made it under an `Idempotency-Key`.
    """

    tenant: str
    account_id: str
    name: str
    key_hash: str
    scopes: list[Operation] | None = None
    expires: datetime | None = None
    previous_hash: str | None = None
    previous_until: datetime | None = None
    created: datetime = Field(default_factory=utc_now)
    used: datetime | None = None
    revoked: datetime | None = None
    fingerprint: str = ""

    class Settings:
        """Where it is stored."""

        name = "api_keys"
        indexes = [
            IndexModel([("key_hash", ASCENDING)], unique=True),
            IndexModel([("previous_hash", ASCENDING)], sparse=True),
            IndexModel([("account_id", ASCENDING)]),
            IndexModel(_NEWEST_FIRST),
        ]

    @classmethod
    async def of_hash(cls, key_hash: str) -> "ApiKey | None":
        """The key whose secret, or the one before, has this hash, if that works now."""
        found = await cls.find_one({"$or": [{"key_hash": key_hash}, {"previous_hash": key_hash}]})
        return found if found and found.works_by(key_hash, utc_now()) else None

    def works_by(self, key_hash: str, now: datetime) -> bool:
        """Whether the secret with this hash counts at an instant."""
        if self.revoked is not None or (self.expires is not None and self.expires <= now):
            return False
        return compare_digest(self.key_hash, key_hash) or (
            self.previous_until is not None and now < self.previous_until
        )

    def operations(self, account: Account) -> frozenset[Operation]:
        """What it may do for its account."""
        return account.operations if self.scopes is None else account.operations & frozenset(self.scopes)


class Session(Stored):
    """What a login began; its tokens count until it is over. It is removed when it ends."""

    tenant: str
    account_id: str
    expires: datetime
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored, and that it is removed in time."""

        name = "sessions"
        indexes = [
            IndexModel([("account_id", ASCENDING)]),
            IndexModel([("expires", ASCENDING)], expireAfterSeconds=0),
        ]


class RefreshToken(Stored):
    """A token that renews a session once; its id is the SHA-256 of the token.

    Attributes:
        used: when it was first given back; one that comes again long after was stolen, from its owner or by him.
    """

    session_id: str
    used: datetime | None = None
    expires: datetime

    class Settings:
        """Where it is stored, and that it is removed in time."""

        name = "refresh_tokens"
        indexes = [IndexModel([("expires", ASCENDING)], expireAfterSeconds=0)]
