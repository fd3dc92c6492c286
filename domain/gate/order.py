"""How a message keeps the order of its process."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

DEFAULT_TIMEOUT: Final = timedelta(hours=1)
"""Longest wait for a predecessor unless the caller says otherwise."""


class OrderAfter(StrEnum):
    """What a predecessor must have reached."""

    SENT = "sent"
    DELIVERED = "delivered"


class Order(BaseModel):
    """How a message keeps the order of its process.

    Attributes:
        after: what its predecessors must have reached; None for `delivered` where it is reported, else `sent`.
        timeout: the longest wait for them.
        stops_on_failure: whether it is never sent once one of them failed.
    """

    model_config = ConfigDict(frozen=True)

    after: OrderAfter | None = None
    timeout: timedelta = DEFAULT_TIMEOUT
    stops_on_failure: bool = False
