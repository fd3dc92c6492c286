"""The audit log: which administrative changes were made, and by whom. It keeps no values, so it can tell no secret."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession

from domain.access import Caller
from domain.clock import utc_now
from models.base import Stored

_NEWEST_FIRST = [("created", DESCENDING), ("_id", DESCENDING)]


class AuditEntry(Stored):
    """One administrative change.

    Attributes:
        account_id: who made it; none where it was an `iris` command that speaks to the database itself.
        key_id: the API key that it was made with, if with one.
        operation: what was done, as `user.merged`.
        thing: the noun that it was done to, as `user`.
        thing_id: which one.
        fields: the names of what changed, never the values.
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
        """Where it is stored, and how it is listed."""

        name = "audit_log"
        indexes = [
            IndexModel([("tenant", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("thing", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("thing_id", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("account_id", ASCENDING), *_NEWEST_FIRST]),
        ]


async def write_audit(
    caller: Caller,
    operation: str,
    thing_id: str,
    fields: Iterable[str] = (),
    session: AsyncClientSession | None = None,
) -> None:
    """Write down an administrative change that was made.

    Args:
        caller: who made it.
        operation: the noun and what was done to it, as `user.merged` or `api-key.rotated`.
        thing_id: which of the nouns.
        fields: the names of what changed, as the wire spells them; never a value.
        session: the transaction that the change is part of, if it is part of one.
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
