"""Typed access to Twilio's own library, which has no types, for comparison."""

from collections.abc import Mapping
from typing import Final, Protocol, cast

from twilio.http import HttpClient  # pyright: ignore[reportMissingTypeStubs] - see above
from twilio.http.response import Response  # pyright: ignore[reportMissingTypeStubs] - see above
from twilio.request_validator import RequestValidator  # pyright: ignore[reportMissingTypeStubs] - see above
from twilio.rest import Client  # pyright: ignore[reportMissingTypeStubs] - see above

_ANSWERS: Final = {
    "POST": Response(201, '{"sid": "SM00000000000000000000000000000001", "status": "queued"}'),
    "GET": Response(200, '{"messages": []}'),
}


class Validator(Protocol):
    """Signs webhooks, and verifies them."""

    def compute_signature(self, uri: str, params: Mapping[str, str]) -> str: ...
    def validate(self, uri: str, params: Mapping[str, str], signature: str) -> bool: ...


class Messages(Protocol):
    """Sends messages, and lists sent ones."""

    def create(self, **fields: object) -> object: ...
    def page(self, **filters: object) -> object: ...


class Capture(HttpClient):
    """Captures the request of the library."""

    def __init__(self) -> None:
        self.method = ""
        self.url = ""
        self.data: Mapping[str, object] = {}
        self.params: Mapping[str, object] = {}
        self.auth = ("", "")

    def request(self, method: str, uri: str, **request: object) -> Response:  # pyright: ignore[reportIncompatibleMethodOverride] - the library calls it by these names
        self.method, self.url = method, uri
        self.data = cast("Mapping[str, object]", request.get("data") or {})
        self.params = cast("Mapping[str, object]", request.get("params") or {})
        self.auth = cast("tuple[str, str]", request["auth"])
        return _ANSWERS[method]


def validator(secret: str) -> Validator:
    """The library's validator for an Auth Token."""
    return cast("Validator", RequestValidator(secret))


def messages(account: str, token: str, capture: Capture) -> Messages:
    """The library's messages of an account, with its requests captured instead of sent."""
    return cast("Messages", Client(account, token, http_client=capture).messages)
