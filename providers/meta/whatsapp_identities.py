"""Identities of a WhatsApp user: a number, business-scoped ids, or both.

https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

from collections.abc import Iterable
from typing import Final

from pydantic import JsonValue

from domain.channels import Channel
from domain.destinations import reported
from domain.events import Identity
from providers.base import UnreadableError
from providers.lenient import Part, Text, read

_CHANGES: Final = frozenset({"user_changed_number", "user_changed_user_id"})
"""System messages that announce a user's new identities
(https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/system/).
"""


class _System(Part):
    type: Text = ""
    wa_id: Text = ""
    user_id: Text = ""
    parent_user_id: Text = ""
    previous_user_id: Text = ""
    previous_parent_user_id: Text = ""


def identities_of(*texts: str) -> tuple[Identity, ...]:
    """Return the distinct identities in a webhook; `from` may be a number or an id."""
    named = (text.strip() for text in texts)
    return tuple(Identity.of(reported(Channel.WHATSAPP, text)) for text in dict.fromkeys(named) if text)


def sender_of(*texts: str) -> tuple[Identity, tuple[Identity, ...]]:
    """Return the destination for answers, and the sender's other identities.

    Raises:
        UnreadableError: if nothing names a sender.
    """
    named = identities_of(*texts)
    if not named:
        raise UnreadableError("a message has a sender")
    return named[0], named[1:]


def change_of(content: JsonValue) -> tuple[Iterable[str], tuple[Identity, ...]]:
    """Return the earlier and the new identities of a system message about a changed user."""
    system = read(_System, content) if isinstance(content, dict) else _System()
    if system.type not in _CHANGES:
        return (), ()
    earlier = (system.previous_user_id, system.previous_parent_user_id)
    return earlier, identities_of(system.wa_id, system.user_id, system.parent_user_id)
