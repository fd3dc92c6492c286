"""Conversion of messages to Twilio's form.

https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
"""

import json
import re
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from domain.outcomes import FailureClass, Rejected
from domain.payloads.base import Payload
from domain.payloads.texts import SimpleText
from domain.payloads.whatsapp import WhatsAppMedia, WhatsAppTemplate

MAX_BODY_LENGTH: Final = 1600
"""Maximum characters of `Body` (https://www.twilio.com/docs/api/errors/21617)."""

CONTENT_SID: Final = re.compile(r"HX[0-9a-fA-F]{32}")
"""Id of a content template (https://www.twilio.com/docs/content/create-and-send-your-first-content-api-template)."""


def content_of(payload: Payload) -> dict[str, str] | Rejected:
    """Return the fields of the form for a payload, or why Twilio would not accept it."""
    match payload:
        case SimpleText():
            return {"Body": payload.text}
        case WhatsAppMedia():
            return {"MediaUrl": payload.url} | ({"Body": payload.caption} if payload.caption else {})
        case WhatsAppTemplate():
            return _template(payload)
        case _:
            return _rejected("bad_payload", f"Twilio has no field for {payload.type}")


def _template(payload: WhatsAppTemplate) -> dict[str, str] | Rejected:
    """Render a content template by its id, with its variables, which Twilio numbers from 1."""
    if not CONTENT_SID.fullmatch(payload.name):
        return _rejected("bad_template_name", "at Twilio the Name of a template is its ContentSid: HX and 32 digits")
    variables = {str(number): value for number, value in enumerate(payload.parameters, start=1)}
    content = {"ContentSid": payload.name}
    return content | (
        {"ContentVariables": json.dumps(variables, ensure_ascii=False, separators=(",", ":"))} if variables else {}
    )


def _rejected(code: str, detail: str) -> Rejected:
    return Rejected(code=code, failure=FailureClass.CONTENT, detail=detail)


def with_reference(callback_url: str, reference: str) -> str:
    """Return the URL with our reference in its query: Twilio's messages have no other field that comes back."""
    parts = urlsplit(callback_url)
    query = "&".join(filter(None, (parts.query, urlencode({"reference": reference}))))
    return parts._replace(query=query).geturl()


def reference_of(url: str) -> str | None:
    """Return our reference in the query of the URL that Twilio called."""
    return parse_qs(urlsplit(url).query).get("reference", [None])[-1]
