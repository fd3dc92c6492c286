"""What a send and its process say about the order together."""

from datetime import timedelta

import pytest

from domain.gate.order import Order, OrderAfter, OrderRequest

PROCESS = OrderRequest(in_order=True, after=OrderAfter.SENT, timeout=timedelta(minutes=5), stops_on_failure=True)


@pytest.mark.parametrize(
    ("send", "process", "order"),
    [
        (OrderRequest(), None, None),
        (OrderRequest(), OrderRequest(in_order=False), None),
        (OrderRequest(in_order=True), None, Order()),
        (OrderRequest(in_order=False), PROCESS, None),
        (OrderRequest(), PROCESS, Order(after=OrderAfter.SENT, timeout=timedelta(minutes=5), stops_on_failure=True)),
        (
            OrderRequest(in_order=True, after=OrderAfter.DELIVERED, stops_on_failure=False),
            PROCESS,
            Order(after=OrderAfter.DELIVERED, timeout=timedelta(minutes=5)),
        ),
    ],
)
def test_the_send_overrides_its_process(send: OrderRequest, process: OrderRequest | None, order: Order | None) -> None:
    assert send.over(process) == order
