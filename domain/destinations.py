"""Destinations: what identifies an end user within a channel, parsed and normalised once."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict

from domain.channels import Channel
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
    """One destination of an interaction, with the user that it belongs to once that is known."""

    model_config = ConfigDict(frozen=True)

    key: DestinationKind
    value: str
    group: str = UNGROUPED
    user_id: str | None = None


class InvalidDestinationError(Exception):
    """A text that is no destination of its kind.

    Attributes:
        code: the problem's code; details: what its sentence needs.
    """

    def __init__(self, code: str, details: Mapping[str, str | int] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.details = dict(details or {})


_PHONE_ORNAMENTS = re.compile(r"[\s().\-]")
_PHONE_DIGITS = re.compile(r"[1-9]\d{6,14}", re.ASCII)
_BUSINESS_SCOPED_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}", re.ASCII)
"""WhatsApp's id of a user who hides the number, for one business (Meta, «Business-scoped user IDs», 2026)."""
_LONGEST_EMAIL: Final = 998
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


def normalise(kind: DestinationKind, text: str) -> str:
    """A destination in the form in which it is stored and compared.

    Raises:
        InvalidDestinationError: if the text is no destination of that kind.
    """
    match kind:
        case DestinationKind.PHONE_NUMBER:
            return _phone_number(text)
        case DestinationKind.EMAIL:
            return _email(text)
        case DestinationKind.PAGE_SCOPED_ID:
            return _page_scoped_id(text)
        case DestinationKind.BUSINESS_SCOPED_ID:
            return _business_scoped_id(text)


def spellings(text: str) -> set[str]:
    """How a destination is stored that somebody writes without saying of which kind; none if it is of no kind."""
    stored: set[str] = set()
    for kind in DestinationKind:
        with suppress(InvalidDestinationError):
            stored.add(normalise(kind, text))
    return stored


def _phone_number(text: str) -> str:
    """Digits with country code: `+34 638-766-068` and `0034638766068` are `34638766068`."""
    digits = _PHONE_ORNAMENTS.sub("", text)
    digits = digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")
    if not _PHONE_DIGITS.fullmatch(digits):
        raise InvalidDestinationError("bad_phone_number")
    return _without_trunk_zero(digits)


def _without_trunk_zero(digits: str) -> str:
    """The number as it is dialled from abroad: `+44 (0)20 …` has no zero there, while Italy's numbers keep theirs."""
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException as error:
        raise InvalidDestinationError("bad_phone_number") from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidDestinationError("bad_phone_number")
    dialled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
    if dialled == digits:
        return digits
    if not _PHONE_DIGITS.fullmatch(dialled):
        raise InvalidDestinationError("bad_phone_number")
    return _without_trunk_zero(dialled)


def _email(text: str) -> str:
    """The address in Unicode NFC with its domain in lower case; the local part's case is kept (RFC 5321 §2.4)."""
    if len(text) > _LONGEST_EMAIL:  # which takes a time in proportion, and is told in full
        raise InvalidDestinationError(
            "bad_email", reason(f"más de {_LONGEST_EMAIL} caracteres", f"more than {_LONGEST_EMAIL} characters")
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


def parse_destinations(channel: Channel, texts: Sequence[str]) -> tuple[list[Destination], list[Problem]]:
    """The destinations of a submission, and what is wrong with those that are none (kept as they were given)."""
    destinations: list[Destination] = []
    problems: list[Problem] = []
    seen: set[tuple[DestinationKind, str]] = set()
    for position, text in enumerate(texts):
        field = f"Destinations[{position}]"
        kind = kind_of(channel, text)
        try:
            destination = Destination(key=kind, value=normalise(kind, text))
        except InvalidDestinationError as error:
            problems.append(Problem(field=field, code=error.code, details=dict(error.details)))
            destination = Destination(key=kind, value=text)
        if (destination.key, destination.value) in seen:
            problems.append(Problem(field=field, code="duplicate_destination"))
        seen.add((destination.key, destination.value))
        destinations.append(destination)
    return destinations, problems
