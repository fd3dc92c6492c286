"""The channels that messages go through."""

from enum import StrEnum


class Channel(StrEnum):
    """The channels of the specification; the value is the answer's `integrationTypeName`."""

    SMS = "SMS"
    WHATSAPP = "WhatsApp"
    RCS = "RCS"
    EMAIL = "Email"
    MESSENGER = "FacebookMessenger"
