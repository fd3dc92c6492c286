"""Order of a process on the wire."""

from typing import Annotated

from pydantic import BaseModel, Field

from domain.gate.order import OrderAfter, OrderRequest
from domain.gate.ordering import read_timeout
from domain.gate.schedule import MAX_TIME_LENGTH
from domain.problems import Problem


class OrderFields(BaseModel):
    """How messages keep the order of their process: fields of a send, and of a process for its sends."""

    in_order: bool | None = Field(
        default=None,
        alias="inOrder",
        description="Send a message after the messages in order that were sent to the same destinations in its process "
        "before it. Of a process: for its sends that do not give it. Default: false.",
    )
    order_after: Annotated[OrderAfter, Field(strict=False)] | None = Field(
        default=None,
        alias="orderAfter",
        description="With `inOrder`: what the message before it must have reached, `sent` or `delivered`. Default: "
        "that of the process, else `delivered` where the channel reports it.",
    )
    order_timeout: str | None = Field(
        default=None,
        alias="orderTimeout",
        max_length=MAX_TIME_LENGTH,
        description="With `inOrder`: the longest wait for it, as an ISO 8601 duration of at most a day. Default: that "
        "of the process, else `PT1H`.",
        examples=["PT15M"],
    )
    stop_on_failure: bool | None = Field(
        default=None,
        alias="stopOnFailure",
        description="With `inOrder`: never send it once the message before it failed. Default: that of the process, "
        "else false.",
    )

    def read_order(self) -> tuple[OrderRequest, list[Problem]]:
        """What it says about the order; what cannot be read has its problem."""
        if not self.in_order:
            given = {
                "orderAfter": self.order_after,
                "orderTimeout": self.order_timeout,
                "stopOnFailure": self.stop_on_failure,
            }
            problems = [Problem(field=name, code="only_in_order") for name, value in given.items() if value]
            return OrderRequest(in_order=self.in_order), problems
        timeout, problems = (None, []) if self.order_timeout is None else read_timeout(self.order_timeout)
        asked = OrderRequest(
            in_order=True, after=self.order_after, timeout=timeout, stops_on_failure=self.stop_on_failure
        )
        return asked, problems
