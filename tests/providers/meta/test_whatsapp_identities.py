"""Changes of a WhatsApp user's identity: system messages, which name a number, ids, or both, and have no `contacts`.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/system/
"""

import pytest
from pydantic import JsonValue

from domain.destinations import DestinationKind
from domain.events import Identity, InboundMessage
from tests.providers.meta.test_whatsapp_webhooks import (
    NUMBER,
    OFFICIAL,
    OFFICIAL_PHONE_NUMBER_ID,
    USER_ID,
    parse,
    whatsapp,
)


def number(value: str) -> Identity:
    return Identity(kind=DestinationKind.PHONE_NUMBER, value=value)


def scoped(value: str) -> Identity:
    return Identity(kind=DestinationKind.BUSINESS_SCOPED_ID, value=value)


@pytest.mark.parametrize(
    ("sender", "system", "known_by", "successors"),
    [
        (
            {"from": NUMBER},
            {"type": "user_changed_number", "wa_id": "34644444444"},
            [number(NUMBER)],
            [number("34644444444")],
        ),
        (
            {"from": NUMBER, "from_user_id": USER_ID},
            {
                "type": "user_changed_number",
                "wa_id": "34644444444",
                "user_id": "ES.2",
                "parent_user_id": "ES.ENT.2",
                "previous_user_id": USER_ID,
                "previous_parent_user_id": "ES.ENT.1",
            },
            [number(NUMBER), scoped(USER_ID), scoped("ES.ENT.1")],
            [number("34644444444"), scoped("ES.2"), scoped("ES.ENT.2")],
        ),
        (
            {"from_user_id": USER_ID},
            {"type": "user_changed_user_id", "user_id": "ES.2", "previous_user_id": USER_ID},
            [scoped(USER_ID)],
            [scoped("ES.2")],
        ),
        (
            {},
            {"type": "user_changed_user_id", "user_id": "ES.2", "previous_user_id": USER_ID},
            [scoped(USER_ID)],
            [scoped("ES.2")],
        ),
        (
            {"from_user_id": "ES.2"},
            {"type": "user_changed_user_id", "user_id": "ES.2", "previous_user_id": USER_ID},
            [scoped("ES.2"), scoped(USER_ID)],
            [scoped("ES.2")],
        ),
        ({"from": NUMBER}, {"type": "user_changed_number"}, [number(NUMBER)], []),
        ({"from": NUMBER}, {"type": "user_changed_number", "wa_id": None}, [number(NUMBER)], []),
        ({"from": NUMBER}, {"type": "identity_changed", "wa_id": "34644444444"}, [number(NUMBER)], []),
        ({"from": NUMBER}, "changed", [number(NUMBER)], []),
    ],
    ids=str,
)
def test_it_says_by_what_somebody_was_known_and_is_from_now_on(
    sender: dict[str, JsonValue],
    system: JsonValue,
    known_by: list[Identity],
    successors: list[Identity],
) -> None:
    whole: JsonValue = {"id": "wamid.MADEUPIN1", "type": "system", "system": system, **sender}
    (message,) = parse(whatsapp(messages=[whole]))
    assert isinstance(message, InboundMessage)
    named = [Identity(kind=message.sender_kind, value=message.sender), *message.aliases]
    assert named == known_by
    assert (message.payload["Type"], message.payload["Kind"]) == ("unsupported", "system")
    assert list(message.successors) == successors


def test_the_official_example_of_a_new_number_names_it() -> None:
    (message,) = parse(OFFICIAL["System Message"], OFFICIAL_PHONE_NUMBER_ID)
    assert isinstance(message, InboundMessage)
    assert message.successors == (number("12195555358"),)
