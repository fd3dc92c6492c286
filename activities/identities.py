"""Identity resolution: one user for all identities by which providers know a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.errors import DuplicateKeyError

from domain.events import Identity
from domain.inbound import ReceivedMessage, names_nobody
from domain.search_keys import prefixes
from models.user import OwnedDestination, User, adding_step


@dataclass(frozen=True, slots=True)
class Person:
    """A person as a provider knows them.

    Attributes:
        identities: identities by which the provider knows the person from now on; the first names a new user.
        new_user_id: id of the user that is created if no user has any of them.
        replaced: identities that no longer apply, because the provider names another one of the same kind.
        name: the provider's name for the person; empty if it gives none.
    """

    tenant: str
    identities: Sequence[OwnedDestination]
    new_user_id: str = ""
    replaced: Sequence[OwnedDestination] = ()
    name: str = ""

    @classmethod
    def of(cls, inbound: ReceivedMessage) -> "Person":
        """Return the sender of a message."""
        tenant, new_user_id, message = inbound.tenant, inbound.new_user_id, inbound.message
        before = owned([Identity(kind=message.sender_kind, value=message.sender), *message.aliases])
        now = owned(message.successors)
        if not now:
            return cls(tenant, before, new_user_id, name=message.sender_name)
        current, kinds = {one.identity for one in now}, {one.kind for one in now}
        # If only the id is replaced, the person is still reached by the number.
        replaced = [one for one in before if one.kind in kinds and one.identity not in current]
        return cls(tenant, now, new_user_id, replaced, message.sender_name)

    async def owners(self) -> list[User]:
        """Return the users that own any identity: owners of a replaced one first, then the oldest."""
        found = await User.owning(self.tenant, [*self.identities, *self.replaced])
        before = {one.identity for one in self.replaced}
        return sorted(found, key=lambda user: before.isdisjoint(one.identity for one in user.destinations))


@dataclass(frozen=True, slots=True)
class Known:
    """The user of a person.

    Attributes:
        others: users that are the same person, to be merged into this one.
    """

    user: User
    others: Sequence[User] = ()

    @property
    def ids(self) -> list[str]:
        """Ids of the user and of the others."""
        return [self.user.id, *(other.id for other in self.others)]


def owned(identities: Sequence[Identity]) -> list[OwnedDestination]:
    """Convert identities to a user's destinations, without duplicates."""
    found = (OwnedDestination(kind=one.kind, value=one.value) for one in identities)
    return list({one.identity: one for one in reversed(list(found))}.values())[::-1]


async def find_or_create(person: Person, answering: User | None = None) -> Known:
    """Find or create the user of a person.

    Args:
        person: the person.
        answering: the user to take if no user owns an identity, because the person answers a message to that user.
    """
    while True:
        # A concurrent change makes both give None: then everything is read again.
        known = await _find(person, answering) or await _create(person)
        if known is not None:
            return known


async def find(person: Person) -> Known | None:
    """Find the user of a person, and give it all identities; None if there is none."""
    while await person.owners():
        known = await _find(person, None)
        if known is not None:
            return known
    return None


async def _find(person: Person, answering: User | None) -> Known | None:
    """Find and update the user of a person; None if there is none, or if it changed meanwhile."""
    users = await person.owners() or ([answering] if answering is not None else [])
    if not users:
        return None
    user, *others = users
    taken = {one.identity for other in others for one in other.destinations}
    try:
        changed = await _update(person, user, [one for one in person.identities if one.identity not in taken])
        for other in others:
            await _update(person, other, [])
    except DuplicateKeyError:
        return None
    return Known(changed, others) if changed is not None else None


async def _update(person: Person, user: User, added: Sequence[OwnedDestination]) -> User | None:
    """Update a user's destinations and name; None if it changed meanwhile."""
    has = {one.identity for one in user.destinations}
    missing = [one for one in added if one.identity not in has]
    gone = [one for one in person.replaced if one.identity in has]
    is_named = not person.name or names_nobody(person.name) or not names_nobody(user.name, user.destinations_named())
    if not missing and not gone and is_named:
        return user
    steps: list[dict[str, Any]] = [adding_step(missing, gone)]
    if not is_named:
        name = {"name": person.name, "name_keys": prefixes(person.name)}
        steps.append({"$set": {field: {"$literal": value} for field, value in name.items()}})
    return await User.change(user.tenant, user.id, steps, {"name": user.name})


async def _create(person: Person) -> Known | None:
    """Create a user; None if a concurrent message created one first."""
    first = person.identities[0]
    user = User(
        id=person.new_user_id,
        tenant=person.tenant,
        name=person.name or first.value,
        destinations=list(person.identities),
    )
    try:
        await user.insert()
    except DuplicateKeyError:
        # An earlier try created it, and it was merged or erased since; or a concurrent message created one.
        made = await User.surviving(person.tenant, user.id)
        return Known(made) if made is not None else None
    return Known(user)
