"""Destinations: what identifies an end user within a channel, parsed and normalised once."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Final

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, Field

from domain import phone_numbers
from domain.channels import Channel
from domain.phone_numbers import INTERNATIONAL, PhoneNumberRules
from domain.problems import Problem
from domain.texts import reason

UNGROUPED: Final = "ungroup"
"""The `group` of a destination that belongs to none (specification, `destinations[].group`)."""


class DestinationKind(StrEnum):
    """What a destination is; the key of a user's `primaryKey` and of `destinations[].key`."""

    PHONE_NUMBER = "PhoneNumber"
    EMAIL = "Email"
    PAGE_SCOPED_ID = "PageScopedId"
    BUSINESS_SCOPED_ID = "BusinessScopedId"


KIND_OF_CHANNEL: Final[Mapping[Channel, DestinationKind]] = {
    Channel.SMS: DestinationKind.PHONE_NUMBER,
    Channel.WHATSAPP: DestinationKind.PHONE_NUMBER,
    Channel.RCS: DestinationKind.PHONE_NUMBER,
    Channel.EMAIL: DestinationKind.EMAIL,
    Channel.MESSENGER: DestinationKind.PAGE_SCOPED_ID,
}
"""What a destination of a channel is; on WhatsApp it may be a business-scoped id instead (`kind_of`)."""


class Destination(BaseModel):
    """One destination of an interaction, with the user that it belongs to once that is known.

    Attributes:
        value: as it was written and as the network wants it.
        normal_form: what it is compared by.
    """

    model_config = ConfigDict(frozen=True)

    key: DestinationKind
    value: str
    group: str = UNGROUPED
    user_id: str | None = None
    normal_form: str = Field(default_factory=lambda data: normal_form(data["key"], data["value"]))

    @property
    def written(self) -> str:
        """As it is read again whatever the rules: a phone number with its `+`."""
        return f"+{self.value}" if self.key is DestinationKind.PHONE_NUMBER else self.value


class InvalidDestinationError(Exception):
    """A text that is no destination of its kind.

    Attributes:
        code: the problem's code; details: what its sentence needs.
    """

    def __init__(self, code: str, details: Mapping[str, str | int] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.details = dict(details or {})


_BUSINESS_SCOPED_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)
"""WhatsApp's id of a user for one business, or with `ENT.` for the businesses of one parent
(https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids)."""
_TELEPHONE_CHANNELS: Final = frozenset({Channel.SMS, Channel.RCS})
_MIN_NUMBER_LENGTH: Final = 3
_MAX_NUMBER_LENGTH: Final = 15
_MAX_EMAIL_LENGTH: Final = 998
"""Characters of a line of mail (RFC 5322 §2.1.1), which no address needs."""
_PAGE_SCOPED_ID = re.compile(r"\d{1,50}", re.ASCII)


def kind_of(channel: Channel, text: str) -> DestinationKind:
    """What a text would be as a destination of a channel."""
    if channel is Channel.WHATSAPP and _BUSINESS_SCOPED_ID.fullmatch(text.strip()):
        return DestinationKind.BUSINESS_SCOPED_ID
    return KIND_OF_CHANNEL[channel]


def kind_named(name: str) -> DestinationKind | None:
    """The kind with this name, in any letter case."""
    return next((kind for kind in DestinationKind if kind.lower() == name.lower()), None)


def normalise(kind: DestinationKind, text: str, rules: PhoneNumberRules = INTERNATIONAL) -> str:
    """A destination in the form in which it is stored and sent to.

    Raises:
        InvalidDestinationError: if the text is no destination of that kind.
    """
    match kind:
        case DestinationKind.PHONE_NUMBER:
            return _phone_number(text, rules)
        case DestinationKind.EMAIL:
            return _email(text)
        case DestinationKind.PAGE_SCOPED_ID:
            return _page_scoped_id(text)
        case DestinationKind.BUSINESS_SCOPED_ID:
            return _business_scoped_id(text)


def normal_form(kind: DestinationKind, value: str) -> str:
    """What a destination is compared by: the same for every spelling of it.

    No letter case counts in an e-mail address: nobody has two mailboxes that differ in nothing else, although RFC 5321
    §2.4 would allow it.
    """
    match kind:
        case DestinationKind.PHONE_NUMBER:
            return phone_numbers.normal_form(value)
        case DestinationKind.EMAIL:
            return value.casefold()
        case _:
            return value


def reported(channel: Channel, text: str) -> Destination:
    """Somebody whom a provider names on a channel: never refused, because whom a network knows is somebody.

    Raises:
        InvalidDestinationError: if the text is empty.
    """
    return reported_as(kind_of(channel, text), text)


def reported_as(kind: DestinationKind, text: str) -> Destination:
    """As `reported`, of a kind that is known.

    Raises:
        InvalidDestinationError: if the text is empty.
    """
    if not text.strip():
        raise InvalidDestinationError("empty")
    if kind is DestinationKind.PHONE_NUMBER:
        return Destination(key=kind, value=phone_numbers.reported_phone_number(text))
    try:
        return Destination(key=kind, value=normalise(kind, text))
    except InvalidDestinationError:
        return Destination(key=kind, value=text.strip())


def normal_forms(text: str, rules: PhoneNumberRules = INTERNATIONAL) -> set[str]:
    """What a destination is compared by that somebody writes without saying of which kind; none if it is of no kind."""
    found: set[str] = set()
    for kind in DestinationKind:
        found.update(normal_form(kind, value) for value in readings(kind, text, rules))
    return found


def readings(kind: DestinationKind, text: str, rules: PhoneNumberRules = INTERNATIONAL) -> set[str]:
    """What a text may be as a destination of a kind that is known already; nothing if it is none.

    What a provider named is found by its digits, also where nothing could be sent to it, such as a short code.
    """
    found: set[str] = set()
    with suppress(InvalidDestinationError):
        found.add(normalise(kind, text, rules))
    digits = phone_numbers.reported_phone_number(text) if kind is DestinationKind.PHONE_NUMBER else ""
    if _MIN_NUMBER_LENGTH <= len(digits) <= _MAX_NUMBER_LENGTH and digits.isascii() and digits.isdigit():
        found.add(digits)
    return found


def _phone_number(text: str, rules: PhoneNumberRules) -> str:
    """Digits with country code: `+34 638-766-068` and `0034638766068` are `34638766068`."""
    digits = phone_numbers.read_phone_number(text, rules)
    if digits is None:
        raise InvalidDestinationError("bad_phone_number")
    return digits


def _email(text: str) -> str:
    """The address in Unicode NFC with its domain in lower case; the local part's case is kept (RFC 5321 §2.4)."""
    if len(text) > _MAX_EMAIL_LENGTH:  # which takes a time in proportion, and is told in full
        raise InvalidDestinationError(
            "bad_email", reason(f"más de {_MAX_EMAIL_LENGTH} caracteres", f"more than {_MAX_EMAIL_LENGTH} characters")
        )
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidDestinationError("bad_email", _why_no_address(text.strip())) from error


def _why_no_address(text: str) -> dict[str, str | int]:
    """What most often keeps a text from being an e-mail address; the library says it in English alone."""
    local_part, at, domain = text.rpartition("@")
    if not at:
        return reason("falta la @", "it has no @")
    if "@" in local_part:
        return reason("tiene más de una @", "it has more than one @")
    if not local_part or not domain:
        return reason("falta lo de delante o detrás de la @", "it lacks what is before or after the @")
    if "." not in domain:
        return reason("el dominio no tiene punto", "its domain has no dot")
    return reason(
        "tiene caracteres, puntos o una longitud no admitidos", "it has characters, dots or a length not allowed"
    )


def _page_scoped_id(text: str) -> str:
    if not _PAGE_SCOPED_ID.fullmatch(text.strip()):
        raise InvalidDestinationError("bad_page_scoped_id")
    return text.strip()


def _business_scoped_id(text: str) -> str:
    if not _BUSINESS_SCOPED_ID.fullmatch(text.strip()):
        raise InvalidDestinationError("bad_business_scoped_id")
    return text.strip()


def parse_destinations(
    channel: Channel, texts: Sequence[str], rules: PhoneNumberRules = INTERNATIONAL
) -> tuple[list[Destination], list[Problem]]:
    """The destinations of a submission, and what is wrong with those that are none (kept as they were given)."""
    destinations: list[Destination] = []
    problems: list[Problem] = []
    seen: set[tuple[DestinationKind, str]] = set()
    for position, text in enumerate(texts):
        field = f"Destinations[{position}]"
        kind = kind_of(channel, text)
        try:
            destination = Destination(key=kind, value=_as_sent(channel, normalise(kind, text, rules)))
        except InvalidDestinationError as error:
            problems.append(Problem(field=field, code=error.code, details=dict(error.details)))
            destination = Destination(key=kind, value=text)
        if (destination.key, destination.normal_form) in seen:
            problems.append(Problem(field=field, code="duplicate_destination"))
        seen.add((destination.key, destination.normal_form))
        destinations.append(destination)
    return destinations, problems


def _as_sent(channel: Channel, value: str) -> str:
    """A destination as its network takes it: telephone networks as they dial today, WhatsApp in any spelling."""
    return phone_numbers.dialled(value) if channel in _TELEPHONE_CHANNELS else value
