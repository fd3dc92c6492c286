"""Destinations of a strategy's steps: those that the send names, or else those that its user has."""

from collections.abc import Collection, Sequence

from domain.channels import Channel
from domain.destinations import KIND_OF_CHANNEL, DestinationKind, InvalidDestinationError, kind_of, normalise
from domain.phone_numbers import PhoneNumberRules
from domain.problems import Problem
from models.user import OwnedDestination, User

_BY_CERTAINTY = (
    DestinationKind.BUSINESS_SCOPED_ID,
    DestinationKind.EMAIL,
    DestinationKind.PHONE_NUMBER,
    DestinationKind.PAGE_SCOPED_ID,
)
"""Kinds in the order in which a text is tried: the digits of a phone number could be an id of Messenger too."""


async def destinations_of_steps(
    tenant: str, rules: PhoneNumberRules, common: Sequence[str], steps: Sequence[tuple[Channel, Sequence[str]]]
) -> tuple[list[list[str]], list[Problem]]:
    """Find the destinations of each step, none for a step that is skipped.

    Args:
        tenant: the tenant.
        rules: for reading phone numbers.
        common: the destinations that the send names for all steps.
        steps: the channel of each step, and the destinations that it names for itself.
    """
    kinds = {kind for channel, _ in steps for kind in _kinds_of(channel)}
    known = [(text, _kind_among(kinds, text, rules)) for text in common]
    problems = [_unread(position, text, steps[0][0], rules) for position, (text, kind) in enumerate(known) if not kind]
    found = [list(own) or [text for text, kind in known if kind in _kinds_of(channel)] for channel, own in steps]
    if all(found):
        return found, problems
    named = [(text, kind) for text, kind in known if kind is not None]
    named += [(text, kind_of(channel, text)) for channel, own in steps for text in own]
    users = await _owners(tenant, rules, named)
    return [one or _of_user(users, channel) for one, (channel, _) in zip(found, steps, strict=True)], problems


def _kinds_of(channel: Channel) -> set[DestinationKind]:
    is_whatsapp = channel is Channel.WHATSAPP
    return {KIND_OF_CHANNEL[channel], *([DestinationKind.BUSINESS_SCOPED_ID] if is_whatsapp else [])}


def _kind_among(kinds: Collection[DestinationKind], text: str, rules: PhoneNumberRules) -> DestinationKind | None:
    return next((kind for kind in _BY_CERTAINTY if kind in kinds and _normal(kind, text, rules) is not None), None)


def _normal(kind: DestinationKind, text: str, rules: PhoneNumberRules) -> str | None:
    try:
        return normalise(kind, text, rules)
    except InvalidDestinationError:
        return None


def _unread(position: int, text: str, channel: Channel, rules: PhoneNumberRules) -> Problem:
    """The problem of a destination that fits no step, as the first step's channel has it."""
    try:
        normalise(kind_of(channel, text), text, rules)
    except InvalidDestinationError as error:
        return Problem(field=f"Destinations[{position}]", code=error.code, details=dict(error.details))
    return Problem(field=f"Destinations[{position}]", code="bad_phone_number")


async def _owners(tenant: str, rules: PhoneNumberRules, named: Sequence[tuple[str, DestinationKind]]) -> list[User]:
    values = [(kind, _normal(kind, text, rules)) for text, kind in named]
    owned = [OwnedDestination(kind=kind, value=value) for kind, value in values if value is not None]
    return await User.owning(tenant, owned) if owned else []


def _of_user(users: Sequence[User], channel: Channel) -> list[str]:
    """The first destination that the users have for a channel."""
    kind = KIND_OF_CHANNEL[channel]
    owned = [one for user in users for one in user.destinations if one.kind is kind]
    return [f"+{owned[0].value}" if kind is DestinationKind.PHONE_NUMBER else owned[0].value] if owned else []
