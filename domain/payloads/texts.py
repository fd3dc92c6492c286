"""Plain-text payloads of all channels."""

from typing import Annotated

from pydantic import Field

from domain.payloads.base import Button, TextPayload


class SimpleText(TextPayload):
    """`simple-text`: a text by SMS, WhatsApp or Messenger."""

    wire_type = "simple-text"


class RcsText(TextPayload):
    """`text-message-rcs`: a text by RCS (the specification's example), perhaps with suggested answers."""

    wire_type = "text-message-rcs"
    suggestions: Annotated[list[Button], Field(max_length=10)] = []
