"""Provider events that arrive so close together that one falls into the task that is just completing."""

import asyncio
from itertools import permutations

from tests.iris import Iris


async def _apply(iris: Iris, channel: str, words: tuple[str, ...], count: int) -> tuple[str, str]:
    """Send a message, report these statuses one right after the other, and wait until they are recorded."""
    recipient = "34600000010"
    sent = await iris.send(channel, recipient)
    await iris.until_status(sent["id"], "SENT")
    for word in words:
        await iris.receive(sent["id"], word)
    seen = await iris.until(sent["id"], lambda seen: len(seen["auditTrail"]["providerEvents"]) == count)
    return seen["status"], seen["customStatus"]


async def test_a_delivery_right_after_a_failure_is_never_lost(iris: Iris) -> None:
    endings = await asyncio.gather(*(_apply(iris, "sms", ("failed", "delivered"), 2) for _ in range(8)))
    assert endings == [("COMPLETED", "delivered")] * 8


async def test_no_event_is_lost_however_close_together_they_come(iris: Iris) -> None:
    orders = list(permutations(("sent", "delivered", "read")))
    endings = await asyncio.gather(*(_apply(iris, "whatsapp", order, 3) for order in orders))
    assert endings == [("COMPLETED", "read")] * len(orders)
