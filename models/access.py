"""Callers: tenants, their accounts, and the accounts' API keys and sessions."""

from datetime import datetime
from hmac import compare_digest
from itertools import chain

from pydantic import BaseModel, Field
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession

from domain.access import OPERATIONS, Operation, Role
from domain.clock import utc_now
from domain.gate.keywords import OwnKeywords, folded_phrases
from domain.inbound import InboundToClosed
from models.base import NEWEST_FIRST, Stored

_BY_TENANT = [("tenant", ASCENDING), *NEWEST_FIRST]


class TenantKeywords(BaseModel):
    """A tenant's keywords by language, as it wrote them."""

    opt_out: dict[str, list[str]] = {}
    opt_in: dict[str, list[str]] = {}

    def folded(self) -> OwnKeywords:
        """The keywords as texts are compared with them."""
        return OwnKeywords(
            opt_out=tuple((language, folded_phrases(words)) for language, words in self.opt_out.items()),
            opt_in=folded_phrases(chain.from_iterable(self.opt_in.values())),
        )


class Tenant(Stored):
    """A customer organisation. Every record belongs to one tenant, referenced by name.

    Attributes:
        inbound_to_closed: handling of a message from a user whose last process is closed.
        default_country: the country in which national phone numbers are read; without one they are rejected.
        keywords: words by which its recipients opt out and in, beside those of everybody.
    """

    name: str
    inbound_to_closed: InboundToClosed = InboundToClosed.REPLACE
    default_country: str | None = None
    keywords: TenantKeywords = TenantKeywords()
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Collection name."""

        name = "tenants"
        indexes = [IndexModel([("name", ASCENDING)], unique=True)]


class Account(Stored):
    """A person or a machine that calls the API; the author of the records it creates.

    Attributes:
        disabled: whether all its passwords, sessions and keys are rejected.
        fingerprint: of the request with an `Idempotency-Key` that created it, encrypted, since it contains the
            password.
        touched: incremented by each change that could remove a tenant's last administrator, so that concurrent ones
            conflict.
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
        """Collection name and indexes; an address is unique within a tenant."""

        name = "accounts"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("email", ASCENDING)], unique=True),
            IndexModel(_BY_TENANT),
        ]

    @property
    def is_administrator(self) -> bool:
        """Whether it is an enabled administrator, of which each tenant needs at least one."""
        return self.role is Role.ADMIN and not self.disabled

    @property
    def operations(self) -> frozenset[Operation]:
        """Operations that the account may perform."""
        return frozenset[Operation]() if self.disabled else OPERATIONS[self.role]

    async def is_last_administrator(self, session: AsyncClientSession) -> bool:
        """Whether the tenant would have no administrator without this account.

        Concurrent transactions that ask this conflict, because each writes to all administrators; so one waits for the
        other.
        """
        lesser = [role for role in Role if role is not Role.ADMIN]
        administrators = {"tenant": self.tenant, "role": {"$nin": lesser}, "disabled": {"$ne": True}}
        accounts = Account.collection()
        await accounts.update_many(administrators, {"$inc": {"touched": 1}}, session=session)
        others = {**administrators, "_id": {"$ne": self.id}}
        return self.is_administrator and await accounts.find_one(others, session=session) is None


class ApiKey(Stored):
    """An API key with which a program calls as an account. Only its hash is stored.

    Attributes:
        scopes: the subset of its account's role that it may use; none means all.
        previous_hash: of the secret before the last rotation.
        previous_until: until when the previous secret is accepted.
        used: time of its last use, to the minute.
        fingerprint: of the request with an `Idempotency-Key` that created it.
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
        """Collection name and indexes."""

        name = "api_keys"
        indexes = [
            IndexModel([("key_hash", ASCENDING)], unique=True),
            IndexModel([("previous_hash", ASCENDING)], sparse=True),
            IndexModel([("account_id", ASCENDING)]),
            IndexModel(_BY_TENANT),
        ]

    @classmethod
    async def of_hash(cls, key_hash: str) -> "ApiKey | None":
        """Return the key whose current or previous secret has this hash, if that secret is valid now."""
        found = await cls.find_one({"$or": [{"key_hash": key_hash}, {"previous_hash": key_hash}]})
        return found if found and found.works_by(key_hash, utc_now()) else None

    def works_by(self, key_hash: str, now: datetime) -> bool:
        """Whether the secret with this hash is valid at an instant."""
        if self.revoked is not None or (self.expires is not None and self.expires <= now):
            return False
        return compare_digest(self.key_hash, key_hash) or (
            self.previous_until is not None and now < self.previous_until
        )

    def operations(self, account: Account) -> frozenset[Operation]:
        """Operations that the key may perform for its account."""
        return account.operations if self.scopes is None else account.operations & frozenset(self.scopes)


class Session(Stored):
    """A login session. Its tokens are valid until it ends; then it is removed."""

    tenant: str
    account_id: str
    expires: datetime
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Collection name and indexes; expired sessions are removed by a TTL index."""

        name = "sessions"
        indexes = [
            IndexModel([("account_id", ASCENDING)]),
            IndexModel([("expires", ASCENDING)], expireAfterSeconds=0),
        ]


class RefreshToken(Stored):
    """A single-use token that renews a session; its id is the SHA-256 of the token.

    Attributes:
        used: time of its first use. Its reuse long after that means that it was stolen.
    """

    session_id: str
    used: datetime | None = None
    expires: datetime

    class Settings:
        """Collection name and indexes; expired tokens are removed by a TTL index."""

        name = "refresh_tokens"
        indexes = [IndexModel([("expires", ASCENDING)], expireAfterSeconds=0)]
