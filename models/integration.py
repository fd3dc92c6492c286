"""Integrations: channel + provider + their configuration, under one id."""

from datetime import datetime

from pydantic import Field, JsonValue
from pymongo import ASCENDING, IndexModel

from domain.channels import Channel
from domain.clock import utc_now
from models.base import Stored


class Integration(Stored):
    """How one tenant sends through one channel with one provider.

    Attributes:
        configuration: what the provider needs and may be seen.
        credentials: what it needs and may not: sealed by `security.Vault`.
        at_least_once: whether a send that nobody answered is repeated, at the risk of sending twice.
    """

    tenant: str
    name: str
    channel: Channel
    provider: str
    configuration: dict[str, JsonValue]
    credentials: str
    at_least_once: bool = False
    enabled: bool = True
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored; a tenant names an integration once."""

        name = "integrations"
        indexes = [IndexModel([("tenant", ASCENDING), ("name", ASCENDING)], unique=True)]
