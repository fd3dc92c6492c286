"""API keys on the wire; the key itself is in the answer that makes it, and in no other."""

from typing import Annotated, Final

from pydantic import Field

from api.schemas.common import Asked, StorableInstant
from domain.access import Operation
from domain.identifiers import Id
from models.access import ApiKey
from wire.answer import Answer, Instant

Name = Annotated[str, Field(min_length=1, max_length=100)]
Scopes = Annotated[list[Annotated[Operation, Field(strict=False)]], Field(min_length=1)]


class NewApiKey(Asked):
    """Which key shall be made."""

    name: Name = Field(description="What it is for.")
    account_id: Id | None = Field(default=None, alias="accountId", description="Whose; your own if none is named.")
    scopes: Scopes | None = Field(default=None, description="What it may do; without it all that its account may.")
    expires: StorableInstant | None = Field(default=None, description="When it stops working; never if not given.")


class ApiKeyChange(Asked):
    """What shall be otherwise; what is not given stays."""

    name: Name | None = None
    scopes: Scopes | None = Field(default=None, description="Null for all that its account may do.")
    expires: StorableInstant | None = Field(default=None, description="Null for never.")


class ApiKeyAnswer(Answer):
    """A key, without its secret."""

    id: str
    account_id: str
    name: str
    scopes: list[Operation] | None
    expires: Instant | None
    created: Instant
    last_used: Instant | None = Field(description="To the minute.")
    revoked: Instant | None

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyAnswer":
        """The key as the answer shows it."""
        return cls(
            id=key.id,
            account_id=key.account_id,
            name=key.name,
            scopes=key.scopes,
            expires=key.expires,
            created=key.created,
            last_used=key.used,
            revoked=key.revoked,
        )


class ShownApiKeyAnswer(ApiKeyAnswer):
    """A key with its secret, which is shown this once."""

    key: str

    @classmethod
    def once(cls, key: ApiKey, secret: str) -> "ShownApiKeyAnswer":
        """The key as the answer shows it that made the secret."""
        return cls(**ApiKeyAnswer.of(key).model_dump(), key=secret)


NEW_API_KEY_EXAMPLE: Final = {"name": "CRM", "scopes": ["interactions:write", "interactions:read"]}
API_KEY_CHANGE_EXAMPLE: Final = {"name": "CRM of the shops", "expires": "2027-06-30T00:00:00Z"}
API_KEY_EXAMPLE: Final = {
    "id": "6a1f0c9e3f0a4b7d8c2e5f60",
    "accountId": "6a1f0c9e3f0a4b7d8c2e5f00",
    "name": "CRM",
    "scopes": ["interactions:write", "interactions:read"],
    "expires": None,
    "created": "2026-11-27T04:20:11.512Z",
    "lastUsed": None,
    "revoked": None,
}
SHOWN_API_KEY_EXAMPLE: Final = {**API_KEY_EXAMPLE, "key": "iris_…"}
