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


class OrderRequest(BaseModel):
    """What a send, or a process for its sends, says about the order; None where it says nothing.

    Attributes:
        in_order: whether the order is kept.
        after: what predecessors must have reached.
        timeout: the longest wait for them.
        stops_on_failure: whether a message is never sent once one of them failed.
    """

    model_config = ConfigDict(frozen=True)

    in_order: bool | None = None
    after: OrderAfter | None = None
    timeout: timedelta | None = None
    stops_on_failure: bool | None = None

    def over(self, default: "OrderRequest | None") -> Order | None:
        """Return the order of a send that says this in a process that says `default`; None if it keeps none."""
        given = {} if default is None else default.model_dump(exclude_none=True)
        said = OrderRequest.model_validate({**given, **self.model_dump(exclude_none=True)})
        return Order.model_validate(said.model_dump(exclude_none=True, exclude={"in_order"})) if said.in_order else None
