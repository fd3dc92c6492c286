"""Settings of a Meta integration: public configuration and secret credentials."""

import re
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, model_validator

from domain.texts import invalid_value
from providers.provider_settings import BaseUrl, ProviderSettings

_HEADER_TEXT: Final = re.compile(r"[\x21-\x7e]+")


def _writable_in_a_header(secret: SecretStr) -> SecretStr:
    if not _HEADER_TEXT.fullmatch(secret.get_secret_value()):
        raise invalid_value("deben ser caracteres ASCII visibles", "it must be visible ASCII characters")
    return secret


class MessagingType(StrEnum):
    """Why Messenger may deliver a message.

    https://developers.facebook.com/docs/messenger-platform/send-messages#messaging_types
    """

    RESPONSE = "RESPONSE"
    UPDATE = "UPDATE"
    MESSAGE_TAG = "MESSAGE_TAG"


class MetaConfiguration(ProviderSettings):
    """Who sends, and where to.

    Attributes:
        sender_id: the id of a WhatsApp phone number, or of a Facebook page.
        api_version: the Graph API's version.
        base_url: the Graph API's address, or a test double's.
        messaging_type: Messenger only: why it may deliver.
        tag: Messenger only: the reason to write after the 24-hour window, for `MESSAGE_TAG`.
    """

    sender_id: Annotated[str, Field(pattern=r"^[0-9]{1,50}$", examples=["200000000000002"])]
    api_version: Annotated[str, Field(pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$")] = "v23.0"
    base_url: BaseUrl = HttpUrl("https://graph.facebook.com")
    messaging_type: MessagingType = MessagingType.RESPONSE
    tag: Annotated[str, Field(pattern=r"^[A-Z_]{1,50}$", examples=["HUMAN_AGENT"])] | None = None

    @model_validator(mode="after")
    def _has_its_tag(self) -> Self:
        if (self.messaging_type is MessagingType.MESSAGE_TAG) != (self.tag is not None):
            raise invalid_value(
                "tag es del messagingType MESSAGE_TAG, que lo exige",
                "tag is for messagingType MESSAGE_TAG, which needs one",
            )
        return self

    @property
    def messages_url(self) -> str:
        """URL that sends messages of either channel."""
        return f"{self.sender_url}/messages"

    @property
    def sender_url(self) -> str:
        """URL that describes the sender."""
        return f"{str(self.base_url).rstrip('/')}/{self.api_version}/{self.sender_id}"


class MetaCredentials(ProviderSettings):
    """The secrets of the app and of who sends.

    Attributes:
        access_token: a system user's token (WhatsApp) or a page's token (Messenger), which sends.
        app_secret: the app's secret, which signs the webhooks.
        verify_token: a word of our choosing, which Meta must know when it asks whether the webhook's address is ours.
    """

    access_token: Annotated[SecretStr, AfterValidator(_writable_in_a_header)]
    app_secret: Annotated[SecretStr, Field(min_length=1)]
    verify_token: Annotated[SecretStr, Field(min_length=1)]
