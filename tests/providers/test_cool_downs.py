"""Providers' refusals for a rate pause the sender or the recipient for as long as the provider asks for."""

from datetime import timedelta

import httpx2
import pytest

from domain.channels import Channel
from providers.base import CoolDown, RateScope, TransientError
from providers.http import ResponseMapping, classify_response
from providers.meta.adapter import _WIRES  # pyright: ignore[reportPrivateUsage] - the mapping that the adapter sends with
from providers.meta.responses import response_mapping
from providers.sandbox import _RESPONSE_MAPPING as SANDBOX  # pyright: ignore[reportPrivateUsage] - likewise
from providers.twilio.responses import RESPONSE_MAPPING as TWILIO
from providers.vonage.adapter import RESPONSE_MAPPING as VONAGE

_WHATSAPP = _WIRES[Channel.WHATSAPP]
META = response_mapping(_WHATSAPP.accepted, _WHATSAPP.meanings, _WHATSAPP.cool_downs)


def meta(code: int) -> dict[str, object]:
    return {"error": {"code": code, "message": "made up"}}


@pytest.mark.parametrize(
    ("mapping", "status", "body", "cool_down"),
    [
        (TWILIO, 429, {"code": 20429, "message": "Too Many Requests"}, CoolDown()),
        (VONAGE, 429, {"type": "https://developer.vonage.com/api-errors/messages#1000", "title": "1000"}, CoolDown()),
        (META, 400, meta(130429), CoolDown()),
        (META, 400, meta(131056), CoolDown(RateScope.RECIPIENT, factor=4)),
        (META, 400, meta(131048), CoolDown(wait=timedelta(hours=4))),
        (META, 503, meta(131016), None),
        (SANDBOX, 429, {"error": {"code": "throttled"}}, CoolDown(RateScope.RECIPIENT)),
        (SANDBOX, 429, {"error": {"code": "another"}}, CoolDown()),
    ],
)
def test_a_refusal_says_what_pauses(
    mapping: ResponseMapping, status: int, body: dict[str, object], cool_down: CoolDown | None
) -> None:
    with pytest.raises(TransientError) as refused:
        classify_response(httpx2.Response(status, json=body, headers={"Retry-After": "7"}), mapping)
    assert (refused.value.cool_down, refused.value.retry_after) == (cool_down, timedelta(seconds=7))
