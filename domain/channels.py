"""Messaging channels."""

from enum import StrEnum


class Channel(StrEnum):
    """Channel of the specification; the value is the answer's `integrationTypeName`."""

    SMS = "SMS"
    WHATSAPP = "WhatsApp"
    RCS = "RCS"
    EMAIL = "Email"
    MESSENGER = "FacebookMessenger"
