"""Settings of a Twilio integration: public configuration and secret credentials."""

import base64
import re
from collections.abc import Iterator
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, model_validator

from domain.texts import invalid_value
from providers.provider_settings import BaseUrl, ProviderSettings, Secret
from providers.twilio.signature import SigningKey

SENDER: Final = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}", re.ASCII)
"""Phone number, short code or alphanumeric id
(https://www.twilio.com/docs/messaging/services/api/alphasender-resource).
"""


def _sender(text: str) -> str:
    if not SENDER.fullmatch(text):
        raise invalid_value(
            "debe ser un teléfono con +, un número corto, o como máximo 11 caracteres con una letra",
            "it must be a phone number with +, a short code, or at most 11 characters with a letter",
        )
    return text


def _basic(user: str, secret: SecretStr) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret.get_secret_value()}".encode()).decode()


VALIDITY_SECONDS: Final = (1, 36_000)
"""Smallest and largest `ValidityPeriod` (https://www.twilio.com/docs/messaging/api/message-resource)."""


class TwilioConfiguration(ProviderSettings):
    """Who sends, and how.

    Attributes:
        sender: a phone number (`+34…`); for SMS also a short code or an alphanumeric id.
        messaging_service_sid: a Messaging Service, which picks the sender unless there is one.
        base_url: the API's address; another region's, or a test double's.
        validity_period: seconds after which Twilio gives up on an undelivered message, 1 to 36000.
    """

    sender: Annotated[str, AfterValidator(_sender), Field(examples=["+34911000000"])] | None = None
    messaging_service_sid: (
        Annotated[str, Field(pattern=r"^MG[0-9a-fA-F]{32}$", examples=["MG00000000000000000000000000000000"])] | None
    ) = None
    base_url: BaseUrl = HttpUrl("https://api.twilio.com")
    validity_period: Annotated[int, Field(ge=VALIDITY_SECONDS[0], le=VALIDITY_SECONDS[1], examples=[14_400])] | None = (
        None
    )

    @model_validator(mode="after")
    def _has_sender(self) -> Self:
        if self.sender is None and self.messaging_service_sid is None:
            raise invalid_value("se exige sender o messagingServiceSid", "sender or messagingServiceSid is required")
        return self


class TwilioCredentials(ProviderSettings):
    """The account, and its secrets.

    Attributes:
        account_sid: the account that sends.
        auth_token: signs the webhooks, and the requests unless there is an API key.
        previous_auth_token: still signs webhooks while a new Auth Token is being put in place.
        api_key_sid: an API key to send with.
        api_key_secret: the API key's secret.
        shared_key_secret: signs the webhooks with SHA-256, for accounts that have such a key.
    """

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$", examples=["AC00000000000000000000000000000000"])]
    auth_token: Secret
    previous_auth_token: Secret | None = None
    api_key_sid: (
        Annotated[str, Field(pattern=r"^SK[0-9a-fA-F]{32}$", examples=["SK00000000000000000000000000000000"])] | None
    ) = None
    api_key_secret: Secret | None = None
    shared_key_secret: Secret | None = None

    @model_validator(mode="after")
    def _has_whole_api_key(self) -> Self:
        if (self.api_key_sid is None) != (self.api_key_secret is None):
            raise invalid_value(
                "apiKeySid y apiKeySecret se indican juntos", "apiKeySid and apiKeySecret must be given together"
            )
        return self

    def authorization(self) -> str:
        """`Authorization` header of a request (https://www.twilio.com/docs/usage/requests-to-twilio)."""
        if self.api_key_sid and self.api_key_secret:
            return _basic(self.api_key_sid, self.api_key_secret)
        return self.account_authorization()

    def account_authorization(self) -> str:
        """`Authorization` header with the account's own credentials, whatever keys it has."""
        return _basic(self.account_sid, self.auth_token)

    def signing_keys(self) -> Iterator[SigningKey]:
        """Keys that may have signed a webhook."""
        for token in (self.auth_token, self.previous_auth_token):
            if token is not None:
                yield SigningKey(token.get_secret_value())
        if self.shared_key_secret is not None:
            yield SigningKey(self.shared_key_secret.get_secret_value(), "sha256")
