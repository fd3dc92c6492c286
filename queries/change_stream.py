"""Change stream of interactions, resumable from any position that MongoDB still has.

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
"""The server's code for a position that is no longer in its oplog: `ChangeStreamHistoryLost`
(https://www.mongodb.com/docs/manual/reference/error-codes).
"""

_WAIT_MS: Final = 1_000
"""Maximum time that the server holds a request without changes; a stopping process waits as long."""

Changes = AsyncCollectionChangeStream[dict[str, Any]]


class ResumeTokenExpiredError(Exception):
    """The resume token is too old."""


class InvalidResumeTokenError(Exception):
    """The resume token is malformed."""


async def watch(tenant: str, integration_id: str | None, resume_token: str | None) -> Changes:
    """Watch a tenant's interactions, from a resume token or from now on. The caller closes the stream.

    Raises:
        ResumeTokenExpiredError: if the token is too old.
        InvalidResumeTokenError: if the token is malformed.
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
            resume_after={"_data": resume_token} if resume_token else None,
            max_await_time_ms=_WAIT_MS,
        )
    except OperationFailure as error:
        if error.code == _HISTORY_LOST:
            raise ResumeTokenExpiredError from error
        if resume_token and not error.timeout and not error.has_error_label("RetryableError"):
            raise InvalidResumeTokenError from error
        raise


def resume_token_text(token: Mapping[str, Any] | None) -> str:
    """The resume token after a change, as text."""
    return str(token["_data"]) if token else ""


async def events_of(change: Mapping[str, Any]) -> Sequence[InteractionEvent]:
    """Events that a change means to a subscriber.

    As with webhooks, creation is published once the interaction is admitted or rejected.
    """
    document = change.get("fullDocument")
    positions = _new_positions(change)
    if not document or not positions:
        return []
    shown = await Interaction.model_validate(document).as_shown()
    interaction = await shown.view()
    first, last = (0 if min(positions) == 1 else min(positions)), max(positions)
    return [one for one in events_since(interaction, first) if one.position <= last]


def _new_positions(change: Mapping[str, Any]) -> Sequence[int]:
    """Positions of the history entries that a change added."""
    if change["operationType"] != "update":
        entries = len(change["fullDocument"]["history"])
        is_registered_only = entries == 1 and change["fullDocument"]["direction"] == Direction.OUT
        return [] if is_registered_only else range(entries)
    updated: Mapping[str, Any] = change["updateDescription"]["updatedFields"]
    if "history" in updated:
        return [len(updated["history"]) - 1]
    names = (name.removeprefix("history.") for name in updated if name.startswith("history."))
    return [int(name) for name in names if name.isdigit()]
