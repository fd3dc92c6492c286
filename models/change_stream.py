"""Watching interactions change, from any place that MongoDB still knows of.

https://www.mongodb.com/docs/manual/changeStreams
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream
from pymongo.errors import OperationFailure

from domain.interaction import Direction
from domain.webhook_events import InteractionEvent, events_since
from models.interaction import Interaction

_HISTORY_LOST: Final = 286
"""The server's code for a place that is not in its log of operations any more: `ChangeStreamHistoryLost`
(https://www.mongodb.com/docs/manual/reference/error-codes)."""

_WAIT_MS: Final = 1_000
"""How long the server is waited for until it says that nothing has happened; as long a stopping process waits."""

Changes = AsyncCollectionChangeStream[dict[str, Any]]


class ResumeTokenExpiredError(Exception):
    """The place to go on from is too long ago."""


class InvalidResumeTokenError(Exception):
    """The place to go on from is none."""


async def watch(tenant: str, integration_id: str | None, place: str | None) -> Changes:
    """Watch a tenant's interactions, from a place on or from now on; to be closed.

    Raises:
        ResumeTokenExpiredError: if that place is too long ago.
        InvalidResumeTokenError: if it is none.
    """
    selector: dict[str, Any] = {
        "operationType": {"$in": ["insert", "update", "replace"]},
        "fullDocument.tenant": tenant,
    }
    if integration_id is not None:
        selector["fullDocument.integration.integration_id"] = integration_id
    try:
        return await Interaction.collection().watch(
            [{"$match": selector}],
            full_document="updateLookup",
            resume_after={"_data": place} if place else None,
            max_await_time_ms=_WAIT_MS,
        )
    except OperationFailure as error:
        if error.code == _HISTORY_LOST:
            raise ResumeTokenExpiredError from error
        if place and not error.timeout and not error.has_error_label("RetryableError"):
            raise InvalidResumeTokenError from error
        raise


def place_of(token: Mapping[str, Any] | None) -> str:
    """Where watching goes on after a change, as a text."""
    return str(token["_data"]) if token else ""


async def what_happened(change: Mapping[str, Any]) -> Sequence[InteractionEvent]:
    """What a change means to who watches: as who is told, the creation once the interaction is admitted or refused."""
    document = change.get("fullDocument")
    positions = _new_positions(change)
    if not document or not positions:
        return []
    shown = await Interaction.model_validate(document).as_shown()
    interaction = await shown.view()
    first, last = (0 if min(positions) == 1 else min(positions)), max(positions)
    return [one for one in events_since(interaction, first) if one.position <= last]


def _new_positions(change: Mapping[str, Any]) -> Sequence[int]:
    """Which entries of its history a change brought."""
    if change["operationType"] != "update":
        entries = len(change["fullDocument"]["history"])
        is_registered_only = entries == 1 and change["fullDocument"]["direction"] == Direction.OUT
        return [] if is_registered_only else range(entries)
    updated: Mapping[str, Any] = change["updateDescription"]["updatedFields"]
    if "history" in updated:
        return [len(updated["history"]) - 1]
    names = (name.removeprefix("history.") for name in updated if name.startswith("history."))
    return [int(name) for name in names if name.isdigit()]
