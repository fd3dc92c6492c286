"""Predicted users of a message, set as search attributes so that the Web UI finds its workflow by user.

The worker decides which users they are. If it finds others, the workflow corrects its search attribute, which costs
one event (docs/decisions/0035).
"""

from collections.abc import Sequence
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from domain.inbound import ReceivedMessage
from domain.submission import Submission
from models.user import OwnedDestination, User

_LOOKUP_TIMEOUT_SECONDS: Final = 1.0
"""Timeout of the lookup: a send does not fail because of a search attribute."""


async def expect_recipients(submission: Submission) -> tuple[Submission, list[str]]:
    """The submission, marked if a new user is expected, and the ids of the users that own its destinations.

    If nobody owns them, the id is that of the user that will be created; the ids are empty while that is unknown.
    """
    destinations, problems = submission.parsed_destinations(submission.integration.channel)
    if problems or not destinations:
        return submission, []
    owned = [OwnedDestination(kind=destination.key, value=destination.value) for destination in destinations]
    created = submission.new_user_id if submission.auto_create_user else None
    user_ids = await _owners(submission.tenant, owned, created)
    # A named process is joined before the user is created, so its users have to be certain.
    is_new = user_ids == [created] and submission.process_id is None
    return (submission.model_copy(update={"expects_new_user": True}) if is_new else submission), user_ids


async def expected_sender(inbound: ReceivedMessage) -> list[str]:
    """The id of the user that owns the sender's address or that will be created for it; empty if unknown."""
    message = inbound.message
    owned = OwnedDestination(kind=message.sender_kind, value=message.sender)
    return (await _owners(inbound.tenant, [owned], inbound.new_user_id))[:1]


async def _owners(tenant: str, owned: Sequence[OwnedDestination], created: str | None) -> list[str]:
    try:
        with pymongo.timeout(_LOOKUP_TIMEOUT_SECONDS):
            found = await User.ids_owning(tenant, owned)
    except PyMongoError:
        return []
    return found or ([created] if created else [])
