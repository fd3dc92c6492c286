"""A time-skipping Temporal server, for tests of timeouts."""

import sysconfig
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from workflows import attributes


@asynccontextmanager
async def time_skipping_server() -> AsyncGenerator[WorkflowEnvironment]:
    """The server, with our search attributes."""
    test_server = Path(sysconfig.get_path("scripts"), "temporal-test-server")
    types = {key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in attributes.KEYS}
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=str(test_server)
    ) as environment:
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace="default", search_attributes=types)
        )
        yield environment
