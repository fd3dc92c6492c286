"""Delivery progress of a message to each of its destinations."""

from collections.abc import Mapping, Sequence

from domain.destinations import Destination, DestinationKind, normal_form
from domain.events import ProviderEvent
from domain.status import Milestone

ReachedMilestone = tuple[Milestone, str]
"""A milestone, and the provider's status for it."""


class RecipientProgress:
    """Progress of a message to each destination; the message's own milestone is that of the slowest one."""

    def __init__(self, destinations: Sequence[Destination]) -> None:
        self._destinations = destinations
        self._reached: dict[str, ReachedMilestone] = {one.normal_form: (Milestone.NONE, "") for one in destinations}
        self.leave_out([])
        # Telephone providers may report a number in another of its forms; an e-mail address has only one.
        self._is_exact = any(one.key is DestinationKind.EMAIL for one in destinations)

    def leave_out(self, user_ids: Sequence[str]) -> None:
        """Drop the destinations of erased users, and those that are already emptied, unless none would be left."""
        left = {one.normal_form for one in self._destinations if one.value and one.user_id not in user_ids}
        if left:
            self._reached = {form: reached for form, reached in self._reached.items() if form in left}

    def includes(self, event: ProviderEvent) -> bool:
        """Whether an event is about one of the message's own destinations, not about a recipient of a copy."""
        return event.destination is None or not self._is_exact or self._named(event) is not None

    def apply(self, event: ProviderEvent) -> ReachedMilestone:
        """Apply an event to the destination that it names, or to all if it names none; returns the lowest milestone."""
        named = self._named(event)
        for destination in list(self._reached) if named is None else [named]:
            self._reached[destination] = max(self._reached[destination], (event.milestone, event.provider_status))
        return min(self._reached.values())

    def _named(self, event: ProviderEvent) -> str | None:
        """Normal form of the destination that an event names in any spelling; None if it is none of the message's."""
        if event.destination is None:
            return None
        forms = (normal_form(one.key, event.destination) for one in self._destinations)
        return next((form for form in forms if form in self._reached), None)

    @property
    def known(self) -> Mapping[str, ReachedMilestone]:
        """Milestone of each destination, as far as it is known."""
        return dict(self._reached)

    @property
    def failure(self) -> str | None:
        """The provider's status of a destination that the message failed to reach; None if there is none."""
        return min(
            (provider_status for milestone, provider_status in self._reached.values() if milestone is Milestone.FAILED),
            default=None,
        )
