"""MongoDB without disk space: the error is in the envelope, and nothing is partially stored."""

import httpx2
import pytest
from fastapi import FastAPI
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError, WriteError

from api.http.errors import add_error_handlers
from models.base import is_disk_full
from tests.api.support import reasons

FULL: tuple[PyMongoError, ...] = (
    OperationFailure("available disk space is less than required", 14031),
    WriteError("out of disk space", 14031),
    OperationFailure("28: No space left on device", 8),
    BulkWriteError({"writeErrors": [{"code": 14031, "errmsg": "out of disk space"}]}),
)


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
async def test_it_is_answered_in_the_envelope_with_507(error: PyMongoError) -> None:
    app = FastAPI()
    add_error_handlers(app)

    async def store() -> None:
        raise error

    app.add_api_route("/store", store, methods=["POST"])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://iris") as http:
        assert reasons(await http.post("/store"), 507) == [("", "storage_full")]


@pytest.mark.parametrize("error", [OperationFailure("not authorized", 13), PyMongoError("no")], ids=str)
def test_other_failures_are_something_else(error: PyMongoError) -> None:
    assert not is_disk_full(error)
