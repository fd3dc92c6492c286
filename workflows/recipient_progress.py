"""The destinations of an interaction, and how far the message has come to each."""

from collections.abc import Mapping, Sequence

from domain.destinations import Destination, DestinationKind, normal_form
from domain.events import ProviderEvent
from domain.status import Milestone

ReachedMilestone = tuple[Milestone, str]
"""A milestone, and the provider's word for it."""


class RecipientProgress:
    """Whom a message goes to. The message has come as far as to the destination that it is slowest to reach."""

    def __init__(self, destinations: Sequence[Destination]) -> None:
        self._destinations = destinations
        self._reached: dict[str, ReachedMilestone] = {one.normal_form: (Milestone.NONE, "") for one in destinations}
        self.leave_out([])
        # Telephone providers may tell of a number in another of its forms; an address of e-mail has but one.
        self._is_exact = any(one.key is DestinationKind.EMAIL for one in destinations)

    def leave_out(self, user_ids: Sequence[str]) -> None:
        """Await no more of those of several who are erased: these users, and whose destination is gone already."""
        left = {one.normal_form for one in self._destinations if one.value and one.user_id not in user_ids}
        if left:
            self._reached = {form: reached for form, reached in self._reached.items() if form in left}

    def includes(self, event: ProviderEvent) -> bool:
        """Whether an event is about the message's own destinations, and not about somebody who got a copy."""
        return event.destination is None or not self._is_exact or self._named(event) is not None

    def apply(self, event: ProviderEvent) -> ReachedMilestone:
        """How far the message has come to all, now that this is known of one, or of all if it names none."""
        named = self._named(event)
        for destination in list(self._reached) if named is None else [named]:
            self._reached[destination] = max(self._reached[destination], (event.milestone, event.word))
        return min(self._reached.values())

    def _named(self, event: ProviderEvent) -> str | None:
        """The normal form of the destination that an event names in any spelling; None if it is none of them."""
        if event.destination is None:
            return None
        forms = (normal_form(one.key, event.destination) for one in self._destinations)
        return next((form for form in forms if form in self._reached), None)

    @property
    def known(self) -> Mapping[str, ReachedMilestone]:
        """How far the message is known to have come to each destination now."""
        return dict(self._reached)

    @property
    def failure(self) -> str | None:
        """The provider's word for what kept the message from a destination, if any is known not to have got it."""
        return min((word for milestone, word in self._reached.values() if milestone is Milestone.FAILED), default=None)
