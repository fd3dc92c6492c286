"""Which users a message is expected to go to or come from, so that its workflow is found by them in the Web UI.

Only the worker decides who they are; where it finds others, the workflow corrects its search attribute, which costs an
event (docs/decisions/0035).
"""

from collections.abc import Sequence
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from domain.destinations import parse_destinations
from domain.reception import Reception
from domain.submission import Submission
from models.user import OwnedDestination, User

_LOOKUP_TIMEOUT_SECONDS: Final = 1.0
"""How long MongoDB is given: a send does not fail because of a search attribute."""


async def expected_recipients(submission: Submission) -> list[str]:
    """The ids of the users that own the destinations, or the id of the one that will be created; none if unknown."""
    destinations, problems = parse_destinations(submission.integration.channel, submission.destinations)
    if problems or not destinations:
        return []
    owned = [OwnedDestination(kind=destination.key, value=destination.value) for destination in destinations]
    created = submission.new_user_id if submission.auto_create_user else None
    return await _owners(submission.tenant, owned, created)


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
