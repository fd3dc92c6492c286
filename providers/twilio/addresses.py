"""Twilio's addresses of recipients and senders (https://www.twilio.com/docs/messaging/channels)."""

from collections.abc import Mapping
from typing import Final

from domain.channels import Channel
from domain.destinations import DestinationKind, InvalidDestinationError, kind_of, reported

SCHEMES: Final[Mapping[Channel, str]] = {Channel.SMS: "", Channel.WHATSAPP: "whatsapp:"}
"""Prefix of a channel's addresses, in `To` and `From` alike."""

_CHANNELS: Final[Mapping[str, Channel]] = {scheme: channel for channel, scheme in SCHEMES.items()}


def address_of(channel: Channel, destination: str) -> str:
    """Return a destination of ours as a Twilio address: phone numbers with `+`, other ids unchanged."""
    is_number = kind_of(channel, destination) is DestinationKind.PHONE_NUMBER
    return f"{SCHEMES[channel]}{'+' if is_number else ''}{destination}"


def destination_of(address: str) -> tuple[DestinationKind, str]:
    """Return a Twilio address as a destination of ours: its kind and its value.

    Raises:
        InvalidDestinationError: if it is empty, or of an unsupported channel.
    """
    name, colon, text = address.rpartition(":")
    channel = _CHANNELS.get(name + colon)
    if channel is None:
        raise InvalidDestinationError("bad_phone_number")
    destination = reported(channel, text)
    return destination.key, destination.value
