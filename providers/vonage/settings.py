"""Settings of a Vonage integration: public configuration and secret credentials."""

import base64
from functools import lru_cache
from typing import Annotated, Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, Field, HttpUrl, SecretStr, model_validator

from domain.texts import invalid_value
from providers.provider_settings import BaseUrl, ProviderSettings, Secret


@lru_cache(maxsize=256)
def read_private_key(pem: str) -> RSAPrivateKey:
    """Parse the private key of a Vonage application.

    Raises:
        ValueError: if the text is not an RSA private key in PEM, without a password.
    """
    # Cached, because checking a key takes 0.1 seconds, and a provider is opened for every send and webhook.
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, RSAPrivateKey):
        return key
    raise invalid_value(
        "debe ser una clave privada RSA en PEM, sin contraseña",
        "it must be an RSA private key in PEM, without a password",
    )


def _private_key(secret: SecretStr) -> SecretStr:
    read_private_key(secret.get_secret_value())
    return secret


class VonageConfiguration(ProviderSettings):
    """Who sends, and how.

    Attributes:
        sender: a phone number in digits or a name (SMS), the number of the WhatsApp account, the id of the Facebook
            page, or the RCS agent.
        base_url: the API's address; another region's, or a test double's.
        ttl: seconds after which Vonage gives up on an undelivered SMS or RCS message, 20 to 604800.
        messenger_category: why a message is sent on Messenger; Vonage's default is `response`.
        messenger_tag: which exception a `message_tag` invokes.
    """

    sender: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._&-]{0,49}$", examples=["ObraMat"])]
    base_url: BaseUrl = HttpUrl("https://api.nexmo.com")
    ttl: Annotated[int, Field(ge=20, le=604_800, examples=[3600])] | None = None
    messenger_category: Literal["response", "update", "message_tag"] | None = None
    messenger_tag: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _has_tag_with_its_category(self) -> Self:
        if (self.messenger_category == "message_tag") != (self.messenger_tag is not None):
            raise invalid_value(
                "messengerTag es de la messengerCategory message_tag, que lo exige",
                "messengerTag belongs to the messengerCategory message_tag, and is required there",
            )
        return self


class VonageCredentials(ProviderSettings):
    """The account, perhaps one of its applications, and their secrets.

    Attributes:
        api_key: the account.
        api_secret: sends, unless there is an application.
        application_id: the application that sends.
        private_key: the application's RSA key in PEM.
        signature_secret: the account's, which signs the webhooks.
    """

    api_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$", examples=["abcd1234"])]
    api_secret: Secret | None = None
    application_id: (
        Annotated[
            str,
            Field(
                pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
                examples=["99999999-8888-4777-8666-555555555555"],
            ),
        ]
        | None
    ) = None
    private_key: Annotated[SecretStr, AfterValidator(_private_key)] | None = None
    signature_secret: Secret

    @model_validator(mode="after")
    def _can_send(self) -> Self:
        if (self.application_id is None) != (self.private_key is None):
            raise invalid_value(
                "applicationId y privateKey se indican juntos", "applicationId and privateKey must be given together"
            )
        if self.application_id is None and self.api_secret is None:
            raise invalid_value(
                "se exige apiSecret, o applicationId y privateKey",
                "apiSecret, or applicationId and privateKey, are required",
            )
        return self

    def basic(self) -> str:
        """`Authorization` header of the account (RFC 7617)."""
        secret = self.api_secret.get_secret_value() if self.api_secret else ""
        return "Basic " + base64.b64encode(f"{self.api_key}:{secret}".encode()).decode()
