"""One line to a provider for each test that asks for it."""

from collections.abc import AsyncIterator

import pytest

from tests.iris import Iris
from tests.product import provider_lines
from tests.product.provider_lines import Line


@pytest.fixture
async def line(request: pytest.FixtureRequest, iris: Iris) -> AsyncIterator[Line]:
    """The line through the far end that the test is parametrised with."""
    async with provider_lines.line(iris, request.param) as opened:
        yield opened
