"""Fixture of one line to a provider per test."""

from collections.abc import AsyncIterator

import pytest

from tests.iris import Iris
from tests.product import provider_lines
from tests.product.provider_lines import Line


@pytest.fixture
async def line(request: pytest.FixtureRequest, iris: Iris) -> AsyncIterator[Line]:
    """Line through the fake provider that the test is parametrised with."""
    async with provider_lines.line(iris, request.param) as opened:
        yield opened
