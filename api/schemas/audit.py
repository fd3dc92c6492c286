"""The audit log on the wire."""

from pydantic import Field

from models.audit import AuditEntry
from wire.answer import Answer, Instant


class AuditAnswer(Answer):
    """One administrative change."""

    id: str
    date: Instant
    account_id: str | None = Field(description="Who made it; null where it was an `iris` command on the server.")
    key_id: str | None = Field(description="The API key that it was made with, if with one.")
    operation: str = Field(description="What was done, as `user.merged`.")
    thing: str = Field(description="What it was done to, as `user`.")
    thing_id: str
    fields: list[str] = Field(description="What changed, by name; values are not kept.")

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditAnswer":
        """The entry as the answer shows it."""
        return cls(
            id=entry.id,
            date=entry.created,
            account_id=entry.account_id,
            key_id=entry.key_id,
            operation=entry.operation,
            thing=entry.thing,
            thing_id=entry.thing_id,
            fields=entry.fields,
        )


AUDIT_EXAMPLE = {
    "items": [
        {
            "id": "6a1f0c9e3f0a4b7d8c2e5f61",
            "date": "2026-11-27T04:20:11.512Z",
            "accountId": "6a1f0c9e3f0a4b7d8c2e5f00",
            "keyId": None,
            "operation": "api-key.created",
            "thing": "api-key",
            "thingId": "6a1f0c9e3f0a4b7d8c2e5f60",
            "fields": ["name", "scopes"],
        }
    ],
    "nextCursor": None,
}
