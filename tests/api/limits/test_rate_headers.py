"""The headers `RateLimit` and `RateLimit-Policy`."""

import pytest

from api.limits.request_rate import RequestRates
from domain.errors import TooManyRequestsError


def test_each_request_says_how_many_more_there_may_be() -> None:
    rates = RequestRates(2, clock=lambda: 0.0)
    assert rates.take("a") == {"RateLimit-Policy": '"key";q=2;w=1', "RateLimit": '"key";r=1;t=1'}
    assert rates.take("a")["RateLimit"] == '"key";r=0;t=1'
    with pytest.raises(TooManyRequestsError):
        rates.take("a")
    assert rates.take("b")["RateLimit"] == '"key";r=1;t=1'


def test_without_a_rate_there_are_no_headers() -> None:
    assert RequestRates(None).take("a") == {}
