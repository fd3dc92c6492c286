"""Tokens of unsubscribe links: signed, without expiry, and without readable personal data."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

_ID_BYTES: Final = 12
_PERSON_BYTES: Final = 32
_MAC_BYTES: Final = 16
_BYTES: Final = 2 * _ID_BYTES + _PERSON_BYTES + _MAC_BYTES

_PURPOSE: Final = b"unsubscribe\x1f"
"""Prefix of what is signed, which no other use of the key has."""


@dataclass(frozen=True, slots=True)
class UnsubscribeToken:
    """What an unsubscribe link is about.

    Attributes:
        integration_id: the sender that the person unsubscribes from.
        interaction_id: the message that has the link.
        person: the name of the destination in the tenant's consents (`queries.consents.Consents.person`).
        mac: the signature, with the tenant's key.
    """

    integration_id: str
    interaction_id: str
    person: str
    mac: bytes

    @classmethod
    def signed(cls, key: bytes, integration_id: str, interaction_id: str, person: str) -> "UnsubscribeToken":
        """Create a token with its signature."""
        return cls(integration_id, interaction_id, person, _mac(key, integration_id, interaction_id, person))

    @classmethod
    def parse(cls, text: str) -> "UnsubscribeToken | None":
        """Parse a token whose signature is still to be checked; None if the text has not the form of one."""
        try:
            content = urlsafe_b64decode(text)
        except ValueError:
            return None
        if len(content) != _BYTES:
            return None
        integration_id, interaction_id = content[:_ID_BYTES].hex(), content[_ID_BYTES : 2 * _ID_BYTES].hex()
        return cls(integration_id, interaction_id, content[2 * _ID_BYTES : -_MAC_BYTES].hex(), content[-_MAC_BYTES:])

    def is_signed_with(self, key: bytes) -> bool:
        """Whether the signature is that of a key."""
        return hmac.compare_digest(self.mac, _mac(key, self.integration_id, self.interaction_id, self.person))

    def __str__(self) -> str:
        """The token as the last part of a URL: 96 characters."""
        ids = bytes.fromhex(self.integration_id + self.interaction_id + self.person)
        return urlsafe_b64encode(ids + self.mac).decode()


def _mac(key: bytes, integration_id: str, interaction_id: str, person: str) -> bytes:
    content = bytes.fromhex(integration_id + interaction_id + person)
    return hmac.digest(key, _PURPOSE + content, "sha256")[:_MAC_BYTES]
