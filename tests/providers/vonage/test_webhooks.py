"""Vonage webhooks, composed from the fields that it documents (`docs/providers/vonage.md`)."""

import json
from typing import Any, Final

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.destinations import DestinationKind
from domain.events import InboundMessage, ProviderEvent
from providers.base import UnreadableError, Webhook
from providers.lenient import unsupported
from providers.vonage import Vonage
from tests.providers.fake_provider import NOW
from tests.providers.fake_providers.vonage import API_KEY, API_SECRET, SIGNATURE_SECRET
from tests.providers.vonage.recordings import CALLBACK_URL, Case, every, recorded

NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())
A_MESSAGE: Final = {"message_uuid": "1", "channel": "sms", "from": "34600000001", "message_type": "text", "text": "a"}
A_STATUS: Final = {"message_uuid": "1", "channel": "sms", "status": "delivered"}
BODIES: Final = [case["body"] for name in ("statuses", "inbound") for case in recorded(name)]
ANY_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


def reader() -> Vonage:
    """Provider that only parses webhooks."""
    credentials = {"apiKey": API_KEY, "apiSecret": API_SECRET, "signatureSecret": SIGNATURE_SECRET}
    return Vonage.open({"sender": "Iris"}, credentials, NO_NETWORK)


def webhook(body: object) -> Webhook:
    return Webhook(CALLBACK_URL, {}, json.dumps(body).encode(), NOW)


class TestStatus:
    @every("statuses")
    def test_recorded_webhooks_are_parsed(self, case: Case) -> None:
        assert reader().parse(webhook(case["body"])) == (ProviderEvent.model_validate(case["event"]),)


class TestInbound:
    @every("inbound")
    def test_recorded_webhooks_are_parsed(self, case: Case) -> None:
        assert reader().parse(webhook(case["body"])) == (InboundMessage.model_validate(case["message"]),)

    @pytest.mark.parametrize("channel", ["viber_service", "email", "telepathy"])
    def test_a_channel_that_is_not_ours_gives_no_items(self, channel: str) -> None:
        assert reader().parse(webhook({**A_MESSAGE, "channel": channel})) == ()

    @pytest.mark.parametrize(
        "said",
        [
            {"text": None},
            {"message_type": None},
            {"message_type": "image"},
            {"message_type": "image", "image": {"name": "a.jpg"}},
            {"message_type": "location", "location": {"lat": "nowhere", "long": 0}},
            {"message_type": "reply", "reply": {}},
            {"message_type": "button", "button": {}},
            {"message_type": "button", "button": {"payload": {"flow": 1}, "text": "a"}},
            {"message_type": "reaction", "reaction": []},
            {"message_type": "reaction", "reaction": {"action": "react"}},
            {"message_type": "content", "content": "a"},
        ],
        ids=str,
    )
    def test_undocumented_content_is_still_a_message(self, said: dict[str, Any]) -> None:
        (message,) = reader().parse(webhook(A_MESSAGE | said))
        assert isinstance(message, InboundMessage)
        kind = (A_MESSAGE | said)["message_type"] or ""
        assert message.payload == unsupported(kind, (A_MESSAGE | said).get(kind))

    @pytest.mark.parametrize(
        ("parts", "payload"),
        [
            ([{"type": "text", "text": "hola"}], {"Type": "simple-text", "Text": "hola"}),
            (
                [{"type": "image", "url": "https://m/a.png"}, {"type": "text", "text": "hola"}],
                {"Type": "media", "Url": "https://m/a.png", "MediaType": "image", "Caption": "hola"},
            ),
            (
                [{"type": "video", "url": "https://m/a"}, {"type": "vcard", "url": "https://m/b"}, 1],
                {
                    "Type": "media",
                    "Url": "https://m/a",
                    "MediaType": "video",
                    "More": [{"Url": "https://m/b", "MediaType": "document"}],
                },
            ),
        ],
        ids=["a text", "a picture under a text", "two media and something else"],
    )
    def test_an_mms_of_several_parts_is_one_message(self, parts: list[object], payload: dict[str, Any]) -> None:
        mms = {**A_MESSAGE, "channel": "mms", "message_type": "content", "content": parts}
        (message,) = reader().parse(webhook(mms))
        assert isinstance(message, InboundMessage)
        assert message.payload == payload

    @pytest.mark.parametrize(
        ("reaction", "emoji"),
        [({"action": "react", "emoji": "👍"}, "👍"), ({"action": "unreact"}, ""), ({"emoji": "👍"}, "👍")],
    )
    def test_a_reaction_is_removed_where_vonage_says_so(self, reaction: dict[str, str], emoji: str) -> None:
        (message,) = reader().parse(webhook({**A_MESSAGE, "message_type": "reaction", "reaction": reaction}))
        assert isinstance(message, InboundMessage)
        assert message.payload == {"Type": "reaction", "Emoji": emoji}

    @pytest.mark.parametrize("sender", ["Banco", "22395"])
    def test_a_sender_that_cannot_be_answered_loses_no_message(self, sender: str) -> None:
        (message,) = reader().parse(webhook({**A_MESSAGE, "channel": "sms", "from": sender}))
        assert isinstance(message, InboundMessage)
        assert (message.sender, message.sender_kind) == (sender, DestinationKind.PHONE_NUMBER)


class TestUnreadable:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            [A_STATUS],
            {**A_STATUS, "status": ""},
            {**A_STATUS, "status": 1},
            {**A_STATUS, "message_uuid": None},
            {**A_STATUS, "message_uuid": "x" * 201},
            {**A_MESSAGE, "from": None},
            {**A_MESSAGE, "channel": None},
        ],
        ids=str,
    )
    def test_a_body_of_another_form_is_unreadable(self, body: object) -> None:
        with pytest.raises(UnreadableError):
            reader().parse(webhook(body))

    @pytest.mark.parametrize(
        "body", [b"", b"null", b"{", b"\xff", b'{"status": NaN}', b'{"a":' * 10_000, b'{"status": "\\ud800"}']
    )
    def test_bytes_that_are_not_json_are_unreadable(self, body: bytes) -> None:
        with pytest.raises(UnreadableError):
            reader().parse(Webhook(CALLBACK_URL, {}, body, NOW))

    def test_the_error_does_not_quote_the_message(self) -> None:
        with pytest.raises(UnreadableError) as caught:
            reader().parse(webhook({**A_MESSAGE, "from": ["a secret"]}))
        assert "a secret" not in str(caught.value)

    @settings(deadline=None)
    @given(data=st.data())
    def test_any_json_is_items_or_unreadable(self, data: st.DataObject) -> None:
        body = data.draw(st.sampled_from(BODIES))
        field = data.draw(st.sampled_from([*body, "context", "profile", "error"]))
        changed = webhook({**body, field: data.draw(ANY_JSON)})
        try:
            items = reader().parse(changed)
        except UnreadableError:
            return
        assert items == reader().parse(changed)
