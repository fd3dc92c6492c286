"""How Twilio writes whom a message goes to and comes from (https://www.twilio.com/docs/messaging/channels)."""

from collections.abc import Mapping
from typing import Final

from domain.channels import Channel
from domain.destinations import DestinationKind, InvalidDestinationError, kind_of, reported

SCHEMES: Final[Mapping[Channel, str]] = {Channel.SMS: "", Channel.WHATSAPP: "whatsapp:"}
"""What comes before the addresses of a channel, `To` and `From` alike."""

_CHANNELS: Final[Mapping[str, Channel]] = {scheme: channel for channel, scheme in SCHEMES.items()}


def address_of(channel: Channel, destination: str) -> str:
    """A destination of ours as Twilio writes it: phone numbers with `+`, other ids as they are."""
    is_number = kind_of(channel, destination) is DestinationKind.PHONE_NUMBER
    return f"{SCHEMES[channel]}{'+' if is_number else ''}{destination}"


def destination_of(address: str) -> tuple[DestinationKind, str]:
    """An address of Twilio's as a destination of ours: its kind and its value.

    Raises:
        InvalidDestinationError: if it is empty, or of a channel that is not sent to.
    """
    name, colon, text = address.rpartition(":")
    channel = _CHANNELS.get(name + colon)
    if channel is None:
        raise InvalidDestinationError("bad_phone_number")
    destination = reported(channel, text)
    return destination.key, destination.value
