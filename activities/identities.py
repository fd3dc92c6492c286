"""Who a person is: one user for everything by which providers know somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.errors import DuplicateKeyError

from domain.events import Identity
from domain.reception import Reception, names_nobody
from domain.search_keys import beginnings
from models.user import OwnedDestination, User, adding_step


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as a provider knows and changes it.

    Attributes:
        identities: by which the provider knows the person from now on; the first is what a new user is named by.
        new_user_id: the id of the user that is created if nobody has any of them.
        replaced: by which it knew the person before, and does no longer; of the kinds of which it names another.
        name: what the provider calls the person, or nothing.
    """

    tenant: str
    identities: Sequence[OwnedDestination]
    new_user_id: str = ""
    replaced: Sequence[OwnedDestination] = ()
    name: str = ""

    @classmethod
    def of(cls, reception: Reception) -> "Person":
        """Who sent a message."""
        tenant, new_user_id, message = reception.tenant, reception.new_user_id, reception.message
        before = owned([Identity(kind=message.sender_kind, value=message.sender), *message.aliases])
        now = owned(message.successors)
        if not now:
            return cls(tenant, before, new_user_id, name=message.sender_name)
        kept, kinds = {one.identity for one in now}, {one.kind for one in now}
        # Whose id alone is told to be another one is still reached by the number.
        replaced = [one for one in before if one.kind in kinds and one.identity not in kept]
        return cls(tenant, now, new_user_id, replaced, message.sender_name)

    async def owners(self) -> list[User]:
        """The users that own any identity: first those of before, then the oldest."""
        found = await User.owning(self.tenant, [*self.identities, *self.replaced])
        before = {one.identity for one in self.replaced}
        return sorted(found, key=lambda user: before.isdisjoint(one.identity for one in user.destinations))


@dataclass(frozen=True, slots=True)
class Known:
    """The user that a person is.

    Attributes:
        others: users that are the same person, to be merged into it.
    """

    user: User
    others: Sequence[User] = ()

    @property
    def ids(self) -> list[str]:
        """The ids of all of them."""
        return [self.user.id, *(other.id for other in self.others)]


def owned(identities: Sequence[Identity]) -> list[OwnedDestination]:
    """Identities as a user owns them, each once."""
    found = (OwnedDestination(kind=one.kind, value=one.value) for one in identities)
    return list({one.identity: one for one in reversed(list(found))}.values())[::-1]


async def found_or_made(person: Person, answering: User | None = None) -> Known:
    """The user of a person, made if there is none.

    Args:
        person: the person.
        answering: the user that it is where nobody owns an identity: it answers what was sent to that one.
    """
    while True:
        # What another takes or changes meanwhile is looked at again.
        known = await _found(person, answering) or await _made(person)
        if known is not None:
            return known


async def found(person: Person) -> Known | None:
    """The user of a person, with all its identities; None if there is none."""
    while await person.owners():
        known = await _found(person, None)
        if known is not None:
            return known
    return None


async def _found(person: Person, answering: User | None) -> Known | None:
    """The user of a person, changed as the provider says; None if there is none, or it changed meanwhile."""
    users = await person.owners() or ([answering] if answering is not None else [])
    if not users:
        return None
    user, *others = users
    taken = {one.identity for other in others for one in other.destinations}
    try:
        changed = await _changed(person, user, [one for one in person.identities if one.identity not in taken])
        for other in others:
            await _changed(person, other, [])
    except DuplicateKeyError:
        return None
    return Known(changed, others) if changed is not None else None


async def _changed(person: Person, user: User, added: Sequence[OwnedDestination]) -> User | None:
    """A user with what is new of it; None if it is no longer as it was."""
    has = {one.identity for one in user.destinations}
    missing = [one for one in added if one.identity not in has]
    gone = [one for one in person.replaced if one.identity in has]
    is_named = not person.name or names_nobody(person.name) or not names_nobody(user.name, user.destinations_named())
    if not missing and not gone and is_named:
        return user
    steps: list[dict[str, Any]] = [adding_step(missing, gone)]
    if not is_named:
        name = {"name": person.name, "name_keys": beginnings(person.name)}
        steps.append({"$set": {field: {"$literal": value} for field, value in name.items()}})
    return await User.change(user.tenant, user.id, steps, {"name": user.name})


async def _made(person: Person) -> Known | None:
    """A new user; None if another was quicker."""
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
        # An earlier try has created it, and it was merged or erased since; or another message was quicker.
        made = await User.surviving(person.tenant, user.id)
        return Known(made) if made is not None else None
    return Known(user)
