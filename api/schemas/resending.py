"""Sending an interaction again, on the wire."""

from pydantic import Field

from api.schemas.common import Asked
from domain.identifiers import Id


class ResendRequest(Asked):
    """How an interaction is sent again; nothing of it need be given."""

    integration_id: Id | None = Field(
        default=None,
        alias="integrationId",
        description="Through which integration; unless given, the same.",
    )
    force: bool = Field(default=False, description="Send it again although it may still arrive, and so arrive twice.")
