"""Messenger webhooks of Meta (`docs/providers/meta.md`), and bodies that are not Meta's.

The recorded webhooks are composed from the fields that Meta documents.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.destinations import DestinationKind
from domain.events import InboundMessage, ProviderEvent, UnreadableItem, WebhookItem
from domain.status import Milestone
from providers.base import UnreadableError
from providers.meta.webhook_parts import to_instant
from tests.providers.fake_provider import REFERENCE
from tests.providers.fake_providers.meta import PAGE_ID, PHONE_NUMBER_ID, notify, reader

RECORDED: Final = Path(__file__).parents[1] / "recorded" / "meta" / "webhooks"
URL: Final = "https://iris.example/webhooks/meta/685bc5d05a72ed2a5f8d0e42"
PSID: Final = "4000000000000004"


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def parse(content: object, sender_id: str = PAGE_ID) -> Sequence[WebhookItem]:
    return reader(sender_id).parse(notify(URL, content))


def recorded_items(name: str) -> Sequence[WebhookItem]:
    return parse(json.loads((RECORDED / f"{name}.json").read_text()))


def from_messenger(payload: dict[str, JsonValue], **more: Any) -> InboundMessage:  # noqa: ANN401 - its fields
    fields: dict[str, Any] = {
        "provider_message_id": "m_MADEUPIN1",
        "sender": PSID,
        "sender_kind": DestinationKind.PAGE_SCOPED_ID,
        "payload": payload,
        "occurred_at": at(1784629800.999),
    }
    return InboundMessage(**(fields | more))


def page(**event: JsonValue) -> dict[str, JsonValue]:
    """Webhook of our page."""
    whole: JsonValue = {"sender": {"id": PSID}, "recipient": {"id": PAGE_ID}, **event}
    return {"object": "page", "entry": [{"id": PAGE_ID, "time": 1, "messaging": [whole]}]}


class TestEvents:
    def test_a_delivery_with_ids_is_an_event_of_each_message(self) -> None:
        assert recorded_items("messenger_delivered") == tuple(
            ProviderEvent(
                key=f"{mid}:delivered",
                provider_status="delivered",
                milestone=Milestone.DELIVERED,
                provider_message_id=mid,
                destination=PSID,
                up_to=at(1784629800.5),
                occurred_at=at(1784629800.5),
            )
            for mid in ("m_MADEUP0001", "m_MADEUP0002")
        )

    def test_a_delivery_without_ids_is_an_event_of_all_messages_until_then(self) -> None:
        assert recorded_items("messenger_delivered_watermark") == (
            ProviderEvent(
                key=f"{PAGE_ID}:{PSID}:2026-07-21T10:30:00.500000+00:00:delivered",
                provider_status="delivered",
                milestone=Milestone.DELIVERED,
                destination=PSID,
                up_to=at(1784629800.5),
                occurred_at=at(1784629800.5),
            ),
        )

    def test_a_read_is_an_event_of_all_messages_until_then(self) -> None:
        assert recorded_items("messenger_read") == (
            ProviderEvent(
                key=f"{PAGE_ID}:{PSID}:2026-07-21T10:30:04+00:00:read",
                provider_status="read",
                milestone=Milestone.READ,
                destination=PSID,
                up_to=at(1784629804),
                occurred_at=at(1784629805),
            ),
        )

    def test_an_echo_with_an_id_of_ours_proves_the_send(self) -> None:
        assert recorded_items("messenger_echo") == (
            ProviderEvent(
                key="m_MADEUP0001:echo",
                provider_status="echo",
                milestone=Milestone.ACCEPTED,
                reference=REFERENCE,
                provider_message_id="m_MADEUP0001",
                destination=PSID,
                occurred_at=at(1784629800.999),
            ),
        )

    @pytest.mark.parametrize(
        "name", ["messenger_echo_of_another_app", "messenger_other_events", "messenger_another_page"]
    )
    def test_other_objects_and_non_messages_give_no_items(self, name: str) -> None:
        assert recorded_items(name) == ()

    @pytest.mark.parametrize(
        "event", [{"delivery": {}}, {"delivery": {"mids": []}}, {"message": {"mid": "m_1", "is_echo": True}}], ids=str
    )
    def test_an_event_of_no_message_gives_no_items(self, event: dict[str, JsonValue]) -> None:
        assert parse(page(**event)) == ()


class TestInbound:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            (
                "messenger_inbound_text",
                [from_messenger({"Type": "simple-text", "Text": "hola"}, in_reply_to="m_MADEUP0001")],
            ),
            ("messenger_inbound_quick_reply", [from_messenger({"Type": "reply", "Id": "y", "Title": "Sí"})]),
            (
                "messenger_inbound_images",
                [
                    from_messenger({"Type": "media", "Url": "https://scontent.example/1.jpg", "MediaType": "image"}),
                    from_messenger(
                        {"Type": "media", "Url": "https://cdn.example/f.pdf", "MediaType": "document"},
                        provider_message_id="m_MADEUPIN1#1",
                    ),
                ],
            ),
            ("messenger_inbound_link", [from_messenger({"Type": "simple-text", "Text": "https://e.example"})]),
            (
                "messenger_inbound_location",
                [from_messenger({"Type": "location", "Latitude": 40.4, "Longitude": -3.7})],
            ),
            ("messenger_inbound_template", [from_messenger({"Type": "unsupported", "Kind": "template"})]),
            (
                "messenger_postback",
                [from_messenger({"Type": "reply", "Id": "1", "Title": "Uno"}, provider_message_id="m_MADEUPPB1")],
            ),
            (
                "messenger_reaction",
                [
                    from_messenger(
                        {"Type": "reaction", "Emoji": "❤"},
                        provider_message_id=f"m_MADEUP0001:{PSID}:react:2026-07-21T10:30:00.999000+00:00",
                        in_reply_to="m_MADEUP0001",
                    )
                ],
            ),
            (
                "messenger_unreaction",
                [
                    from_messenger(
                        {"Type": "reaction", "Emoji": ""},
                        provider_message_id=f"m_MADEUP0001:{PSID}:unreact:2026-07-21T10:30:00.999000+00:00",
                        in_reply_to="m_MADEUP0001",
                    )
                ],
            ),
        ],
    )
    def test_recorded_webhooks_are_parsed(self, name: str, expected: list[InboundMessage]) -> None:
        assert list(recorded_items(name)) == expected

    def test_a_text_with_a_picture_is_a_message_of_each(self) -> None:
        picture: JsonValue = {"type": "image", "payload": {"url": "https://a.example/1.jpg"}}
        items = parse(page(message={"mid": "m_1", "text": "Mira", "attachments": [picture]}))
        assert [
            (said.provider_message_id, said.payload["Type"]) for said in items if isinstance(said, InboundMessage)
        ] == [
            ("m_1", "simple-text"),
            ("m_1#1", "media"),
        ]

    def test_a_message_with_unknown_content_is_still_a_message(self) -> None:
        (item,) = parse(page(message={"mid": "m_1", "is_unsupported": True}))
        assert isinstance(item, InboundMessage)
        assert item.payload == {"Type": "unsupported", "Kind": "message"}

    @pytest.mark.parametrize(
        ("reaction", "payload"),
        [
            ({"action": "react", "reaction": "other"}, {"Type": "unsupported", "Kind": "reaction/other"}),
            ({"action": "react"}, {"Type": "unsupported", "Kind": "reaction"}),
            ({"emoji": "❤"}, {"Type": "reaction", "Emoji": "❤"}),
            ({"action": "unreact", "emoji": "❤"}, {"Type": "reaction", "Emoji": ""}),
        ],
    )
    def test_a_reaction_is_removed_only_where_messenger_says_so(
        self, reaction: dict[str, JsonValue], payload: dict[str, JsonValue]
    ) -> None:
        (item,) = parse(page(reaction={"mid": "m_1", **reaction}))
        assert isinstance(item, InboundMessage)
        assert (item.payload, item.in_reply_to) == (payload, "m_1")

    @pytest.mark.parametrize(
        ("attachment", "payload"),
        [
            (
                {"type": "fallback", "payload": {"title": "Oferta", "url": "https://x.example/a"}},
                {"Type": "simple-text", "Text": "Oferta\nhttps://x.example/a"},
            ),
            (
                {"type": "fallback", "title": "Oferta", "url": "https://x.example/a", "payload": None},
                {"Type": "simple-text", "Text": "Oferta\nhttps://x.example/a"},
            ),
            (
                {"type": "reel", "payload": {"title": "Obra", "url": "https://x.example/b"}},
                {"Type": "unsupported", "Kind": "reel", "Url": "https://x.example/b", "Title": "Obra"},
            ),
        ],
    )
    def test_a_shared_link_alone_is_a_message(self, attachment: JsonValue, payload: dict[str, JsonValue]) -> None:
        (item,) = parse(page(message={"mid": "m_1", "attachments": [attachment]}))
        assert isinstance(item, InboundMessage)
        assert item.payload == payload

    def test_an_edited_message_is_received_in_its_current_version_with_the_original_id(self) -> None:
        (item,) = parse(page(message_edit={"mid": "m_1", "text": "nuevo", "num_edit": 2}))
        assert isinstance(item, InboundMessage)
        assert item.payload == {"Type": "simple-text", "Text": "nuevo", "Edited": True}
        assert (item.provider_message_id, item.in_reply_to) == ("m_1:edit:2", "m_1")

    def test_an_old_postback_without_an_id_has_one_of_its_own(self) -> None:
        content = page(timestamp=1784629800999, postback={"title": "Uno", "payload": "1"})
        first, again = parse(content), parse(content)
        assert (
            first
            == again
            == (
                from_messenger(
                    {"Type": "reply", "Id": "1", "Title": "Uno"},
                    provider_message_id=f"{PSID}:postback:1:2026-07-21T10:30:00.999000+00:00",
                ),
            )
        )


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
            None,
            [],
            "page",
            {},
            {"object": "page"},
            {"object": "page", "entry": {}},
            {"object": "page", "entry": ["x"]},
            {"object": "page", "entry": [{"id": PAGE_ID, "messaging": [1]}]},
            page(read={}),
            page(read={"watermark": "soon"}),
            page(read={"watermark": 10**400}),
            page(delivery={"mids": [1]}),
            page(message={}),
            page(sender=None, message={"mid": "m_1", "text": "hola"}),
        ],
        ids=lambda content: str(content)[:100],
    )
    def test_anything_else_is_unreadable_and_not_quoted(self, content: object) -> None:
        reasons = reasons_of(content)
        assert reasons
        assert not [reason for reason in reasons if "hola" in reason or PSID in reason]

    def test_another_kind_of_object_gives_no_items(self) -> None:
        assert parse({"object": "instagram", "entry": [{"id": PAGE_ID}]}) == ()

    def test_a_page_without_messages_gives_no_items(self) -> None:
        assert parse({"object": "page", "entry": [{"id": PAGE_ID, "changes": [{"field": "feed"}]}]}) == ()

    @pytest.mark.parametrize(
        ("time", "expected"),
        [
            ("1784629801", at(1784629801)),
            (1784629801, at(1784629801)),
            ("1784629801500", at(1784629801.5)),
            (1784629801500, at(1784629801.5)),
            (0, at(0)),
            ("soon", None),
            ("", None),
            (None, None),
            (1.5, None),
            (10**400, None),
            ("9" * 5000, None),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_a_time_is_in_seconds_or_in_milliseconds(self, time: object, expected: datetime | None) -> None:
        assert to_instant(time) == expected

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )

    @settings(deadline=None)
    @given(data=st.data())
    def test_any_replacement_of_a_part_is_an_item_or_unreadable(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(RECORDED.glob("*.json"))))
        content = json.loads(path.read_text())
        _replace_somewhere(content, data)
        sender_id = PHONE_NUMBER_ID if path.stem.startswith("whatsapp_") else PAGE_ID
        try:
            items = parse(content, sender_id)
        except UnreadableError:
            return
        assert items == parse(content, sender_id)
        assert all(event.key and event.provider_status for event in items if isinstance(event, ProviderEvent))
        assert all(said.provider_message_id and said.sender for said in items if isinstance(said, InboundMessage))


def _replace_somewhere(content: Any, data: st.DataObject) -> None:  # noqa: ANN401 - any JSON
    """Replace one part at any depth."""
    while True:
        key = data.draw(st.sampled_from(_keys(content)))
        inner = content[key]
        if not _keys(inner) or data.draw(st.booleans()):
            content[key] = data.draw(TestForm.json_values)
            return
        content = inner


def _keys(content: object) -> list[Any]:
    """Keys or positions of an object or a list."""
    if isinstance(content, dict):
        return sorted(cast("dict[str, object]", content))
    return list(range(len(cast("list[object]", content)))) if isinstance(content, list) else []
