"""The opened sandbox provider, and messages to its magic recipients."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import httpx2
from pydantic import JsonValue

from domain.channels import Channel
from domain.identifiers import new_id
from domain.outcomes import Accepted, Outcome
from domain.payloads.texts import SimpleText
from embedded.gateway.recipients import recipients_of
from providers.base import Outbound
from providers.sandbox import Sandbox
from tests.embedded.gateway.caller import SECRET, TOKEN

CREDENTIALS: Final[Mapping[str, JsonValue]] = {"token": TOKEN, "signingSecret": SECRET}
UNUSED: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())
PAYLOAD: Final = SimpleText(type="simple-text", text="hola")


def opened(http: httpx2.AsyncClient, url: str, **credentials: JsonValue) -> Sandbox:
    return Sandbox.open({"baseUrl": url}, {**CREDENTIALS, **credentials}, http)


def offline(**credentials: JsonValue) -> Sandbox:
    """Provider for pure operations: verifying and parsing need no connection."""
    return opened(UNUSED, "http://127.0.0.1:1", **credentials)


def to_phone(code: str, **changes: str) -> Outbound:
    outbound = Outbound(new_id(), Channel.WHATSAPP, (recipients_of(code)[0],), PAYLOAD, "http://127.0.0.1:1/callbacks")
    return replace(outbound, **changes)


def accepted(outcome: Outcome) -> Accepted:
    assert isinstance(outcome, Accepted)
    return outcome
