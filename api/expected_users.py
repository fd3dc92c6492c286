"""Which users a message is expected to go to or come from, so that its workflow is found by them in the Web UI.

Only the worker decides who they are; where it finds others, the workflow corrects its search attribute, which costs an
event (docs/decisions/0035).
"""

from collections.abc import Sequence
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from domain.reception import Reception
from domain.submission import Submission
from models.user import OwnedDestination, User

_LOOKUP_TIMEOUT_SECONDS: Final = 1.0
"""How long MongoDB is given: a send does not fail because of a search attribute."""


async def expect_recipients(submission: Submission) -> tuple[Submission, list[str]]:
    """The submission, which says whether a new user is expected, and the ids of the users that own its destinations.

    Where nobody owns them, the id is that of the user that will be created; there are no ids while that is unknown.
    """
    destinations, problems = submission.parsed_destinations(submission.integration.channel)
    if problems or not destinations:
        return submission, []
    owned = [OwnedDestination(kind=destination.key, value=destination.value) for destination in destinations]
    created = submission.new_user_id if submission.auto_create_user else None
    user_ids = await _owners(submission.tenant, owned, created)
    # A process that the caller names is joined before the user is created, so its users have to be certain.
    is_new = user_ids == [created] and submission.process_id is None
    return (submission.model_copy(update={"expects_new_user": True}) if is_new else submission), user_ids


async def expected_sender(reception: Reception) -> list[str]:
    """The id of the user that owns the sender's address, or of the one that will be created; none if unknown."""
    message = reception.message
    owned = OwnedDestination(kind=message.sender_kind, value=message.sender)
    return (await _owners(reception.tenant, [owned], reception.new_user_id))[:1]


async def _owners(tenant: str, owned: Sequence[OwnedDestination], created: str | None) -> list[str]:
    try:
        with pymongo.timeout(_LOOKUP_TIMEOUT_SECONDS):
            found = await User.ids_owning(tenant, owned)
    except PyMongoError:
        return []
    return found or ([created] if created else [])
