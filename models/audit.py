"""Audit log of administrative changes and their authors. It stores no values, so it cannot leak a secret."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession

from domain.access import Caller
from domain.clock import utc_now
from models.base import NEWEST_FIRST, Stored


class AuditEntry(Stored):
    """One administrative change.

    Attributes:
        account_id: the author; none for an `iris` command that accesses the database directly.
        key_id: the API key that authenticated the change, if any.
        operation: the operation, such as `user.merged`.
        thing: the type of the changed object, such as `user`.
        thing_id: id of the changed object.
        fields: names of the changed fields, never their values.
    """

    tenant: str
    account_id: str | None
    key_id: str | None = None
    operation: str
    thing: str
    thing_id: str
    fields: list[str] = []
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Collection name and indexes."""

        name = "audit_log"
        indexes = [
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("thing", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("thing_id", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("account_id", ASCENDING), *NEWEST_FIRST]),
        ]


async def write_audit(
    caller: Caller,
    operation: str,
    thing_id: str,
    fields: Iterable[str] = (),
    session: AsyncClientSession | None = None,
) -> None:
    """Record an administrative change.

    Args:
        caller: the author.
        operation: object type and operation, such as `user.merged` or `api-key.rotated`.
        thing_id: id of the changed object.
        fields: names of the changed fields as in the API; never a value.
        session: the transaction that the change is part of, if any.
    """
    entry = AuditEntry(
        tenant=caller.tenant,
        account_id=caller.account_id,
        key_id=caller.key_id,
        operation=operation,
        thing=operation.partition(".")[0],
        thing_id=thing_id,
        fields=sorted(fields),
    )
    await entry.insert(session=session)
