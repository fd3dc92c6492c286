"""WhatsApp webhooks of Meta (`docs/providers/meta.md`).

The recorded webhooks are composed from the fields that Meta documents; the official ones are examples of its own.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import JsonValue

from domain.destinations import DestinationKind
from domain.events import InboundMessage, ProviderEvent, UnreadableItem, WebhookItem
from domain.gate.consent import ConsentState
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.base import UnreadableError, Webhook
from providers.lenient import unsupported
from tests.providers.fake_provider import NOW, REFERENCE
from tests.providers.fake_providers.meta import PHONE_NUMBER_ID, notify, reader

HERE: Final = Path(__file__).parents[1]
URL: Final = "https://iris.example/webhooks/meta/685bc5d05a72ed2a5f8d0e42"
OFFICIAL_PHONE_NUMBER_ID: Final = "106540352242922"
OFFICIAL: Final[dict[str, Any]] = json.loads((HERE / "contracts" / "meta_webhooks.json").read_text())["examples"]
NUMBER: Final = "34638766068"
USER_ID: Final = "ES.1349Abc"


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def parse(content: object, sender_id: str = PHONE_NUMBER_ID) -> Sequence[WebhookItem]:
    return reader(sender_id).parse(notify(URL, content))


def recorded_items(name: str) -> Sequence[WebhookItem]:
    return parse(json.loads((HERE / "recorded" / "meta" / "webhooks" / f"{name}.json").read_text()))


def whatsapp_status(word: str, **more: Any) -> ProviderEvent:  # noqa: ANN401 - the fields of an event
    fields: dict[str, Any] = {
        "key": f"wamid.MADEUP0001:{word}",
        "provider_status": word,
        "milestone": Milestone.NONE,
        "reference": REFERENCE,
        "provider_message_id": "wamid.MADEUP0001",
        "destination": NUMBER,
        "occurred_at": at(1784629801),
    }
    return ProviderEvent(**(fields | more))


def from_whatsapp(payload: dict[str, JsonValue], **more: Any) -> InboundMessage:  # noqa: ANN401 - its fields
    fields: dict[str, Any] = {
        "provider_message_id": "wamid.MADEUPIN1",
        "sender": NUMBER,
        "sender_kind": DestinationKind.PHONE_NUMBER,
        "sender_name": "Ana",
        "payload": payload,
        "occurred_at": at(1784629860),
    }
    return InboundMessage(**(fields | more))


def whatsapp(**value: JsonValue) -> dict[str, JsonValue]:
    """Webhook of our phone number."""
    change: JsonValue = {"field": "messages", "value": {"metadata": {"phone_number_id": PHONE_NUMBER_ID}, **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def inbound(**message: JsonValue) -> InboundMessage:
    """Parsed message of a WhatsApp user."""
    whole: JsonValue = {"from": NUMBER, "id": "wamid.MADEUPIN1", "timestamp": "1784629860", **message}
    (item,) = parse(whatsapp(messages=[whole]))
    assert isinstance(item, InboundMessage)
    return item


class TestStatus:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("whatsapp_sent", whatsapp_status("sent", milestone=Milestone.SENT)),
            ("whatsapp_delivered", whatsapp_status("delivered", milestone=Milestone.DELIVERED)),
            ("whatsapp_read", whatsapp_status("read", milestone=Milestone.READ)),
            (
                "whatsapp_failed",
                whatsapp_status(
                    "failed",
                    milestone=Milestone.FAILED,
                    code="131026",
                    failure=FailureClass.DESTINATION,
                    detail="Message Undeliverable.",
                ),
            ),
            (
                "whatsapp_business_scoped_status",
                whatsapp_status("delivered", milestone=Milestone.DELIVERED, destination=USER_ID),
            ),
        ],
    )
    def test_recorded_webhooks_are_parsed(self, name: str, expected: ProviderEvent) -> None:
        (event,) = recorded_items(name)
        assert event.model_copy(update={"aliases": ()}) == expected

    def test_all_identities_of_an_event_are_parsed(self) -> None:
        (event,) = recorded_items("whatsapp_delivered")
        assert isinstance(event, ProviderEvent)
        assert [one.kind for one in event.aliases] == [
            DestinationKind.PHONE_NUMBER,
            DestinationKind.BUSINESS_SCOPED_ID,
        ]

    def test_a_batch_gives_all_items_of_our_number_and_none_of_others(self) -> None:
        assert [event.key for event in recorded_items("whatsapp_batch") if isinstance(event, ProviderEvent)] == [
            "wamid.MADEUP0001:sent",
            "wamid.MADEUP0002:delivered",
            "wamid.MADEUP0001:read",
            "wamid.MADEUP0001:deleted",
        ]

    def test_the_least_that_a_status_can_say_is_read(self) -> None:
        (event,) = parse(whatsapp(statuses=[{"id": "wamid.1", "status": "Sent"}]))
        assert event == ProviderEvent(
            key="wamid.1:sent", provider_status="sent", milestone=Milestone.SENT, provider_message_id="wamid.1"
        )

    def test_a_status_without_a_list_around_it_is_read_too(self) -> None:
        (event,) = parse(whatsapp(statuses={"id": "wamid.1", "status": "sent"}))
        assert isinstance(event, ProviderEvent)

    @pytest.mark.parametrize(
        ("error", "code", "failure"),
        [
            (None, None, FailureClass.OTHER),
            ({"code": "131049"}, "131049", FailureClass.DESTINATION),
            ({"code": 131056}, "131056", FailureClass.RATE),
            ({"code": 131000}, "131000", FailureClass.OTHER),
            ({"code": 999_999}, "999999", FailureClass.OTHER),
        ],
    )
    def test_a_failure_has_a_class_whatever_its_code(
        self, error: JsonValue, code: str | None, failure: FailureClass
    ) -> None:
        (event,) = parse(whatsapp(statuses=[{"id": "wamid.1", "status": "failed", "errors": [error] if error else []}]))
        assert isinstance(event, ProviderEvent)
        assert (event.code, event.failure) == (code, failure)


class TestInbound:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            (
                "whatsapp_inbound_text",
                from_whatsapp({"Type": "simple-text", "Text": "hola"}, in_reply_to="wamid.MADEUP0001"),
            ),
            (
                "whatsapp_inbound_business_scoped",
                from_whatsapp(
                    {"Type": "simple-text", "Text": "hola"},
                    sender=USER_ID,
                    sender_kind=DestinationKind.BUSINESS_SCOPED_ID,
                ),
            ),
            (
                "whatsapp_inbound_document",
                from_whatsapp(
                    {
                        "Type": "media",
                        "MediaId": "1003383421387256",
                        "MediaType": "document",
                        "Caption": "La factura",
                        "FileName": "f.pdf",
                    }
                ),
            ),
            (
                "whatsapp_inbound_flow",
                from_whatsapp(
                    {
                        "Type": "unsupported",
                        "Kind": "nfm_reply",
                        "Content": '{"type": "nfm_reply", "nfm_reply": '
                        '{"name": "flow", "body": "Sent", "response_json": "{}"}}',
                    }
                ),
            ),
            (
                "whatsapp_preferences",
                from_whatsapp(
                    {"Type": "unsupported", "Kind": "user_preferences/stop"},
                    provider_message_id=f"{NUMBER}:user_preferences:stop:2026-07-21T10:31:00+00:00",
                    sender_name="",
                    consent=ConsentState.OUT,
                ),
            ),
        ],
    )
    def test_recorded_webhooks_are_parsed(self, name: str, expected: InboundMessage) -> None:
        (message,) = recorded_items(name)
        assert message.model_copy(update={"aliases": ()}) == expected

    @pytest.mark.parametrize(
        ("name", "payload", "in_reply_to"),
        [
            (
                "Text Message with Context (Product Inquiry)",
                {"Type": "simple-text", "Text": "Is this still available?"},
                "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGA9wcm9kdWN0X2lucXVpcnkA",
            ),
            (
                "Reaction Message",
                {"Type": "reaction", "Emoji": "👍"},
                "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI0RTJEOTc2ODVERUY5RDlGNkYA",
            ),
            (
                "Image Message",
                {"Type": "media", "MediaId": "1003383421387256", "MediaType": "image", "Caption": "Taj Mahal"},
                None,
            ),
            (
                "Location Message",
                {
                    "Type": "location",
                    "Latitude": 37.44221496582,
                    "Longitude": -122.16165924072,
                    "Name": "Philz Coffee",
                    "Address": "101 Forest Ave, Palo Alto, CA 94301",
                },
                None,
            ),
            ("Contact Sharing Message", {"Type": "unsupported", "Kind": "contacts"}, None),
            ("Unsupported Message", {"Type": "unsupported", "Kind": "unsupported"}, None),
            (
                "Button Message",
                {"Type": "reply", "Id": "Unsubscribe", "Title": "Unsubscribe"},
                "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJFNjk2OTMwNEZCQjhGMzUyQUYA",
            ),
            (
                "Interactive List Reply Message",
                {"Type": "reply", "Id": "priority_express", "Title": "Priority Mail Express"},
                "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJGMzEyNzhENTZDMzNGODlDRDgA",
            ),
            (
                "Interactive Button Reply Message",
                {"Type": "reply", "Id": "cancel-button", "Title": "Cancel"},
                "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI3MEM2RUJFNkI0RENGQTVDRjUA",
            ),
            ("Order Message", {"Type": "unsupported", "Kind": "order"}, None),
            ("System Message", {"Type": "unsupported", "Kind": "system"}, None),
        ],
    )
    def test_an_official_example_is_read(
        self, name: str, payload: dict[str, JsonValue], in_reply_to: str | None
    ) -> None:
        (message,) = parse(OFFICIAL[name], OFFICIAL_PHONE_NUMBER_ID)
        assert isinstance(message, InboundMessage)
        assert (message.sender, message.sender_kind) == ("16505551234", DestinationKind.PHONE_NUMBER)
        assert message.sender_name == ("" if name == "System Message" else "Sheena Nelson")
        content = message.payload.pop("Content", "")
        assert (message.payload, message.in_reply_to) == (payload, in_reply_to)
        quoted = {"Contact Sharing Message": "Gómez", "Order Message": "di9ozbzfi4", "System Message": "12195555358"}
        assert quoted.get(name, "") in str(content)

    @pytest.mark.parametrize("name", OFFICIAL)
    def test_an_official_example_says_nothing_to_another_number(self, name: str) -> None:
        assert parse(OFFICIAL[name]) == ()

    def test_group_events_give_no_items(self) -> None:
        assert parse(OFFICIAL["Group Create Message"], OFFICIAL_PHONE_NUMBER_ID) == ()

    @pytest.mark.parametrize(
        ("kind", "media_type"),
        [("image", "image"), ("sticker", "image"), ("video", "video"), ("audio", "audio"), ("document", "document")],
    )
    def test_media_are_kept_as_references(self, kind: str, media_type: str) -> None:
        content: JsonValue = {"id": "1", "mime_type": "a/b", "sha256": "x"}
        message = inbound(type=kind, **{kind: content})
        assert message.payload == {"Type": "media", "MediaId": "1", "MediaType": media_type}

    def test_a_reaction_that_is_taken_back_has_no_emoji(self) -> None:
        message = inbound(type="reaction", reaction={"message_id": "wamid.1"})
        assert (message.payload, message.in_reply_to) == ({"Type": "reaction", "Emoji": ""}, "wamid.1")

    @pytest.mark.parametrize("kind", ["text", "image", "location", "button", "interactive", "reaction", "hologram"])
    @pytest.mark.parametrize("content", [None, {}, [], {"latitude": "north", "longitude": 1, "message_id": 1}])
    def test_undocumented_content_is_still_a_message(self, kind: str, content: JsonValue) -> None:
        message = inbound(type=kind, **{kind: content})
        assert message.payload in (unsupported(kind, content), {"Type": "reaction", "Emoji": ""})
        assert message.provider_message_id == "wamid.MADEUPIN1"

    def test_a_number_that_our_plans_do_not_know_is_kept_as_meta_knows_it(self) -> None:
        mexican: dict[str, JsonValue] = {"from": "5215512345678", "type": "system"}
        assert inbound(**mexican).sender == "5215512345678"

    def test_a_place_at_infinity_is_no_place(self) -> None:
        body = b'{"latitude": 1e999, "longitude": 0}'
        message = json.dumps(whatsapp(messages=[{"from": NUMBER, "id": "1", "type": "location", "location": 0}]))
        content = message.encode().replace(b'"location": 0', b'"location": ' + body)
        (item,) = reader(PHONE_NUMBER_ID).parse(Webhook(URL, {}, content, NOW))
        assert isinstance(item, InboundMessage)
        assert (item.payload["Type"], item.payload["Kind"]) == ("unsupported", "location")

    def test_an_edited_message_is_received_in_its_current_version_with_the_original_id(self) -> None:
        edit: JsonValue = {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "nuevo"}}}
        message = inbound(type="edit", edit=edit)
        assert message.payload == {"Type": "simple-text", "Text": "nuevo", "Edited": True}
        assert message.in_reply_to == "wamid.1"

    @pytest.mark.parametrize("emoji", [None, 7, ["👍"]])
    def test_a_reaction_of_another_form_is_not_taken_for_a_removed_one(self, emoji: JsonValue) -> None:
        message = inbound(type="reaction", reaction={"message_id": "wamid.1", "emoji": emoji})
        assert (message.payload["Type"], message.payload["Kind"]) == ("unsupported", "reaction")
        assert message.in_reply_to == "wamid.1"

    def test_ids_may_be_numbers(self) -> None:
        content = whatsapp(statuses=[{"id": 5, "status": "sent"}])
        text = json.dumps(content).replace(f'"{PHONE_NUMBER_ID}"', PHONE_NUMBER_ID)
        (event,) = reader(PHONE_NUMBER_ID).parse(Webhook(URL, {}, text.encode(), NOW))
        assert isinstance(event, ProviderEvent)
        assert event.provider_message_id == "5"


def reasons_of(content: object) -> list[str]:
    """Reasons why a webhook, or each of its items, is unreadable."""
    try:
        items = parse(content)
    except UnreadableError as error:
        return [str(error)]
    assert all(isinstance(one, UnreadableItem) for one in items)
    return [one.reason for one in items if isinstance(one, UnreadableItem)]


class TestForm:
    @pytest.mark.parametrize(
        "content",
        [
            {"object": "whatsapp_business_account"},
            {"object": "whatsapp_business_account", "entry": ["x"]},
            {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages"}]}]},
            whatsapp(statuses=[{"id": "wamid.1"}]),
            whatsapp(statuses=[{"id": "", "status": "sent"}]),
            whatsapp(statuses=[{"id": "wamid.1", "status": ""}]),
            whatsapp(statuses={"id": "wamid.1"}),
            whatsapp(messages=[{"id": "wamid.1", "type": "text", "text": {"body": "hola"}}]),
            whatsapp(messages=[{"from": NUMBER, "type": "text"}]),
        ],
        ids=lambda content: str(content)[:100],
    )
    def test_anything_else_is_unreadable_and_not_quoted(self, content: object) -> None:
        reasons = reasons_of(content)
        assert reasons
        assert not [reason for reason in reasons if "hola" in reason or NUMBER in reason]
