"""Whether the API lives, and whether the parts it needs answer."""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.state import State

router = APIRouter(tags=["health"])

_PATIENCE = 2.0
"""Seconds that a part is given to answer."""


@router.get("/health/live", summary="Is the process alive?")
async def live() -> dict[str, str]:
    """Always, if it answers at all."""
    return {"status": "ok"}


@router.get(
    "/health/ready",
    summary="Can it work?",
    responses={503: {"description": "A part does not answer; the body says which."}},
)
async def ready(state: State) -> JSONResponse:
    """Whether MongoDB and Temporal answer, each by name."""
    mongodb, temporal = await asyncio.gather(
        _answers(state.database.admin.command("ping")), _answers(state.temporal.service_client.check_health())
    )
    parts = {"mongodb": mongodb, "temporal": temporal}
    is_ready = all(parts.values())
    return JSONResponse(
        {
            "status": "ok" if is_ready else "unavailable",
            "parts": {name: "ok" if answers else "unavailable" for name, answers in parts.items()},
        },
        status_code=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


async def _answers(question: Awaitable[object]) -> bool:
    try:
        await asyncio.wait_for(question, _PATIENCE)
    except Exception:  # noqa: BLE001 - whatever goes wrong, the part does not answer
        return False
    return True
