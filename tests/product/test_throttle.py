"""Messages of a throttled integration wait at the gate for their slots, and are sent once."""

import asyncio

from bench.limited_provider import LimitedProvider
from embedded.gateway import running
from tests.api.support import mobile
from tests.iris import Iris

THREE_SEGMENTS = {"Type": "simple-text", "Text": "x" * 400}


async def test_messages_above_the_rate_wait_for_their_slots(iris: Iris) -> None:
    provider = LimitedProvider(rate=1, capacity=4)
    async with running(provider.app()) as url:
        integration_id = await iris.sandbox(url)
        throttle = {"throttle": {"rate": 1, "unit": "segment"}}
        assert (await iris.http.patch(f"/v1/integrations/{integration_id}", json=throttle)).status_code == 200
        how = {"integrationId": integration_id, "payLoad": THREE_SEGMENTS}
        sent = await asyncio.gather(*(iris.send("sms", mobile(), **how) for _ in range(3)))
        ended = await asyncio.gather(*(iris.until_status(one["id"], "SENT") for one in sent))
    assert sorted(arrival.reference for arrival in provider.accepted) == sorted(one["id"] for one in sent)
    assert provider.accepted[-1].at - provider.accepted[0].at > 3
    history = [entry for one in ended for entry in one["auditTrail"]["history"]]
    assert any(entry["customStatus"] == "throttled" for entry in history)
