"""The validity of a message is handed to the providers that take one."""

import re
from datetime import timedelta
from typing import Final

import pytest

from domain.channels import Channel
from domain.clock import utc_now
from domain.payloads import SimpleText
from providers.base import Outbound
from tests.iris import Iris
from tests.product.fake_providers import VENDORS
from tests.product.provider_lines import line
from tests.providers.loopback import HttpFakeProvider

VALIDITY: Final = re.compile(rb'(?:ValidityPeriod=|"ttl": ?"?)(\d+)')


@pytest.mark.parametrize("label", ["twilio-SMS", "vonage-SMS", "sinch-SMS"])
async def test_a_provider_gets_the_seconds_that_are_left(iris: Iris, label: str) -> None:
    vendor = next(vendor for vendor in VENDORS if vendor.label() == label)
    async with line(iris, vendor) as provider:
        assert isinstance(provider.fake_provider, HttpFakeProvider)
        await provider.sent(validFor="PT10M")
        bodies = b"".join(request.body for request in provider.fake_provider.requests)
    [seconds] = VALIDITY.findall(bodies)
    assert 480 < int(seconds) <= 600


@pytest.mark.parametrize(
    ("left", "configured", "expected"),
    [
        (None, None, None),
        (None, 3600, 3600),
        (timedelta(minutes=10, milliseconds=500), None, 600),
        (timedelta(minutes=10, milliseconds=500), 300, 300),
        (timedelta(seconds=3), None, 20),
        (timedelta(days=30), None, 604_800),
    ],
)
def test_it_is_at_most_as_configured_and_within_the_providers_limits(
    left: timedelta | None, configured: int | None, expected: int | None
) -> None:
    message = Outbound(
        reference="",
        channel=Channel.SMS,
        destinations=(),
        payload=SimpleText.model_validate({"Type": "simple-text", "Text": "Hola"}),
        callback_url="",
        expires=None if left is None else utc_now() + left,
    )
    assert message.seconds_valid(configured, 20, 604_800) == expected
