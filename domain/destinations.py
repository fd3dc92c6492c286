"""Destinations: identifiers of an end user within a channel, parsed and normalised once."""

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
"""`group` of a destination that belongs to no group (specification, `destinations[].group`)."""


class DestinationKind(StrEnum):
    """Kind of a destination; the key of a user's `primaryKey` and of `destinations[].key`."""

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
"""Destination kind of each channel; on WhatsApp it may be a business-scoped id instead (`kind_of`)."""


class Destination(BaseModel):
    """Destination of an interaction, with its user once that is known.

    Attributes:
        value: as the caller wrote it and as the network expects it.
        normal_form: the form in which destinations are compared.
    """

    model_config = ConfigDict(frozen=True)

    key: DestinationKind
    value: str
    group: str = UNGROUPED
    user_id: str | None = None
    normal_form: str = Field(default_factory=lambda data: normal_form(data["key"], data["value"]))

    @property
    def written(self) -> str:
        """Spelling that parses alike under all rules: a phone number has its `+`."""
        return f"+{self.value}" if self.key is DestinationKind.PHONE_NUMBER else self.value


class InvalidDestinationError(Exception):
    """Text that is not a destination of its kind.

    Attributes:
        code: the problem's code; details: the parameters of its text.
    """

    def __init__(self, code: str, details: Mapping[str, str | int] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.details = dict(details or {})


_BUSINESS_SCOPED_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)
"""WhatsApp's id of a user for one business, or with `ENT.` for the businesses of one parent
(https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids).
"""
_TELEPHONE_CHANNELS: Final = frozenset({Channel.SMS, Channel.RCS})
_MIN_NUMBER_LENGTH: Final = 3
_MAX_NUMBER_LENGTH: Final = 15
_MAX_EMAIL_LENGTH: Final = 998
"""Characters of a line of mail (RFC 5322 §2.1.1); no address needs more."""
_PAGE_SCOPED_ID = re.compile(r"\d{1,50}", re.ASCII)


def kind_of(channel: Channel, text: str) -> DestinationKind:
    """Return the destination kind of a text on a channel."""
    if channel is Channel.WHATSAPP and _BUSINESS_SCOPED_ID.fullmatch(text.strip()):
        return DestinationKind.BUSINESS_SCOPED_ID
    return KIND_OF_CHANNEL[channel]


def kind_named(name: str) -> DestinationKind | None:
    """Return the kind with this name, in any letter case."""
    return next((kind for kind in DestinationKind if kind.lower() == name.lower()), None)


def normalise(kind: DestinationKind, text: str, rules: PhoneNumberRules = INTERNATIONAL) -> str:
    """Normalise a destination to the form in which it is stored and sent to.

    Raises:
        InvalidDestinationError: if the text is not a destination of that kind.
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
    """Return the form in which a destination is compared: the same for every spelling.

    E-mail addresses ignore letter case: no two mailboxes differ only in it, although RFC 5321 §2.4 would allow that.
    """
    match kind:
        case DestinationKind.PHONE_NUMBER:
            return phone_numbers.normal_form(value)
        case DestinationKind.EMAIL:
            return value.casefold()
        case _:
            return value


def country_of(destination: Destination) -> str | None:
    """Return the country (ISO 3166-1 alpha-2) of a phone number or of a business-scoped id; None of any other.

    The numbering plans change with their releases, so workflows must not ask for it.
    """
    match destination.key:
        case DestinationKind.PHONE_NUMBER:
            return phone_numbers.country_of(destination.value)
        case DestinationKind.BUSINESS_SCOPED_ID:
            return destination.value[:2]
        case _:
            return None


def reported(channel: Channel, text: str) -> Destination:
    """Normalise a destination that a provider reports on a channel; unlike a caller's, it is never refused.

    Raises:
        InvalidDestinationError: if the text is empty.
    """
    return reported_as(kind_of(channel, text), text)


def reported_as(kind: DestinationKind, text: str) -> Destination:
    """Normalise a reported destination of a known kind.

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
    """Return the normal forms of a destination of unknown kind; empty if it fits no kind."""
    found: set[str] = set()
    for kind in DestinationKind:
        found.update(normal_form(kind, value) for value in readings(kind, text, rules))
    return found


def readings(kind: DestinationKind, text: str, rules: PhoneNumberRules = INTERNATIONAL) -> set[str]:
    """Return the possible normal forms of a text as a destination of a known kind; empty if there are none.

    A reported number is found by its digits even if nothing can be sent to it, such as a short code.
    """
    found: set[str] = set()
    with suppress(InvalidDestinationError):
        found.add(normalise(kind, text, rules))
    digits = phone_numbers.reported_phone_number(text) if kind is DestinationKind.PHONE_NUMBER else ""
    if _MIN_NUMBER_LENGTH <= len(digits) <= _MAX_NUMBER_LENGTH and digits.isascii() and digits.isdigit():
        found.add(digits)
    return found


def _phone_number(text: str, rules: PhoneNumberRules) -> str:
    """Return the digits with country code: `+34 638-766-068` and `0034638766068` become `34638766068`."""
    digits = phone_numbers.read_phone_number(text, rules)
    if digits is None:
        raise InvalidDestinationError("bad_phone_number")
    return digits


def _email(text: str) -> str:
    """Return the address in Unicode NFC with its domain in lower case; the local part's case stays (RFC 5321 §2.4)."""
    if len(text) > _MAX_EMAIL_LENGTH:  # validation takes time in proportion to the length, and errors quote the text
        raise InvalidDestinationError(
            "bad_email", reason(f"más de {_MAX_EMAIL_LENGTH} caracteres", f"more than {_MAX_EMAIL_LENGTH} characters")
        )
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidDestinationError("bad_email", _why_no_address(text.strip())) from error


def _why_no_address(text: str) -> dict[str, str | int]:
    """Return the usual reasons why a text is not an e-mail address; the library has them in English only."""
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
    """Parse the destinations of a submission; invalid ones stay as given, with their problems."""
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
    """Return the spelling that the network accepts: current dialling for telephone networks, any for WhatsApp."""
    return phone_numbers.dialled(value) if channel in _TELEPHONE_CHANNELS else value
