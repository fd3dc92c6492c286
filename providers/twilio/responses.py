"""Twilio's answers to a send (https://www.twilio.com/docs/usage/twilios-response)."""

from typing import Any, Final

from domain.outcomes import Accepted
from providers import http
from providers.twilio.error_codes import COOL_DOWNS, MEANINGS


def _accepted(body: Any) -> Accepted | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return (
        Accepted(provider_message_id=body["sid"], provider_status=http.first_status(body.get("status")))
        if body["sid"]
        else None
    )


def _error_body(body: Any) -> http.ErrorBody | None:  # noqa: ANN401 - arbitrary JSON from the provider
    """Read an error: Twilio's own form has a `message`, RFC 9457's a `detail` and a `title`; both have the `code`."""
    code = body["code"]
    if not isinstance(code, int | str):
        return None
    texts = (body.get(name) for name in ("message", "detail", "title"))
    return http.ErrorBody(str(code), next((text for text in texts if isinstance(text, str)), ""))


RESPONSE_MAPPING: Final = http.ResponseMapping(_accepted, _error_body, MEANINGS, COOL_DOWNS)
"""Rules for Twilio's answers to a send."""
