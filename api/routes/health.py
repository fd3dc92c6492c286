"""Liveness and readiness of the API."""

import asyncio
import errno
import math
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pymongo.errors import PyMongoError
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from api.state import IrisState, State
from temporal.reconciliation import check_payload_keys
from temporal.task_queues import WORKFLOWS, pollers

router = APIRouter(tags=["health"])

MIN_FREE_DISK_BYTES: Final = 67_108_864
"""Minimum free disk space of MongoDB, which soon cannot write below it: one journal file has 100 MB."""

_TIMEOUT = 2.0
"""Timeout of each check, in seconds."""


@router.get("/health/live", summary="Check liveness")
async def live() -> dict[str, str]:
    """Always, if it answers at all."""
    return {"status": "ok"}


@router.get(
    "/health/ready",
    summary="Check readiness",
    responses={503: {"description": "A part does not answer; the body says which."}},
)
async def ready(state: State) -> JSONResponse:
    """Whether MongoDB and Temporal answer, Temporal knows the namespace, and what workers encrypt can be read here.

    And whether any worker asks for work: without one the API still takes what is asked, which waits for one, so that
    `status` is `degraded`, with 200. A worker that has gone is noticed within two minutes.
    """
    client = state.temporal
    namespace = DescribeNamespaceRequest(namespace=client.namespace)
    questions = {
        "disk": _answers(_check_disk(state)),
        "mongodb": _answers(state.database.admin.command("ping")),
        "temporal": _answers(client.service_client.check_health()),
        "namespace": _answers(client.workflow_service.describe_namespace(namespace)),
        "payload_keys": _answers(check_payload_keys(client, state.settings)),
        "workers": _answers(_find_worker(client, state.settings.task_queue)),
    }
    parts = dict(zip(questions, await asyncio.gather(*questions.values()), strict=True))
    workers = parts["workers"]
    is_ready = all(answers for name, answers in parts.items() if name != "workers")
    return JSONResponse(
        {
            "status": "unavailable" if not is_ready else "ok" if workers else "degraded",
            "parts": {name: "ok" if answers else "unavailable" for name, answers in parts.items()},
        },
        status_code=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


async def _check_disk(state: IrisState) -> None:
    """Check MongoDB's free disk space (https://www.mongodb.com/docs/manual/reference/command/dbStats/).

    Raises:
        OSError: if it is too low; not if MongoDB does not answer, which another check reports.
    """
    database = state.database[state.settings.mongodb_database]
    try:
        statistics = await asyncio.wait_for(database.command("dbStats"), _TIMEOUT / 2)
    except (PyMongoError, TimeoutError):
        return
    free = statistics.get("fsTotalSize", math.inf) - statistics.get("fsUsedSize", 0)
    if free < MIN_FREE_DISK_BYTES:
        raise OSError(errno.ENOSPC, "MongoDB has no disk space left")


async def _find_worker(client: Client, task_queue: str) -> None:
    """Check that a worker polls the interactions' task queue.

    Raises:
        LookupError: if none does.
    """
    if not await pollers(client, task_queue, WORKFLOWS):
        raise LookupError(task_queue)


async def _answers(question: Awaitable[object]) -> bool:
    try:
        await asyncio.wait_for(question, _TIMEOUT)
    except Exception:  # noqa: BLE001 - whatever goes wrong, the part does not answer
        return False
    return True
