"""Channel limits are checked at admission, also with the sandbox, so that it behaves like a provider."""

import pytest
from pydantic import JsonValue

from embedded.gateway.recipients import recipients_of
from tests.api.support import reasons
from tests.iris import Iris

PHONE, _, PAGE_SCOPED = recipients_of("01")

LIMITS = {"sms": (PHONE, 1_600), "whatsapp": (PHONE, 4_096), "rcs": (PHONE, 3_072), "messenger": (PAGE_SCOPED, 2_000)}


@pytest.mark.parametrize("channel", LIMITS)
async def test_a_text_that_is_too_long_for_its_channel_is_refused(iris: Iris, channel: str) -> None:
    destination, limit = LIMITS[channel]
    for length, refused in ((limit, []), (limit + 1, [("payLoad.Text", "too_long")])):
        body = iris.request(channel, destination)
        body["payLoad"]["Text"] = "ñ" * length
        response = await iris.post(body)
        if refused:
            assert reasons(response, 422) == refused
        else:
            assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (
            {"Type": "template", "Name": "cita", "Parameters": ["a\nb"]},
            ("payLoad.Parameters[0]", "bad_template_parameter"),
        ),
        (
            {"Type": "media", "Url": "https://a.example/a", "MediaType": "audio", "Caption": "Oiga"},
            ("payLoad.Caption", "caption_not_shown"),
        ),
    ],
)
async def test_a_payload_that_whatsapp_refuses_is_refused(
    iris: Iris, payload: JsonValue, problem: tuple[str, str]
) -> None:
    response = await iris.post(iris.request("whatsapp", PHONE, payLoad=payload))
    assert reasons(response, 422) == [problem]
