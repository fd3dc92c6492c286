"""Settings of a Sinch integration: public configuration and secret credentials."""

import base64
from typing import Annotated, Literal

from pydantic import Field, HttpUrl

from providers.provider_settings import BaseUrl, ProviderSettings, Secret


class SinchConfiguration(ProviderSettings):
    """Who sends, and how.

    Attributes:
        project_id: the project that the access key belongs to.
        app_id: the Conversation API app that sends.
        region: where the app is; another region does not know it.
        base_url: the API's address, when it is not the region's own: a test double's.
        auth_url: the address of the server that gives access tokens.
        sms_sender: a phone number, a short code or a name of up to 11 characters; the app's default unless given.
        ttl: seconds after which Sinch gives up on a message that it could not hand over.
    """

    project_id: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["aaaaaaaa-0000-4000-8000-000000000001"])
    ]
    app_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["01J0000000000000000000APP1"])]
    region: Literal["us", "eu", "br"]
    base_url: BaseUrl | None = None
    auth_url: BaseUrl = HttpUrl("https://auth.sinch.com")
    sms_sender: (
        Annotated[str, Field(pattern=r"^(\+?[0-9]{3,15}|[A-Za-z0-9 +&_.-]{1,11})$", examples=["ObraMat"])] | None
    ) = None
    ttl: Annotated[int, Field(ge=1, examples=[3600])] | None = None

    def messages_url(self) -> str:
        """URL of the project's messages (https://developers.sinch.com/docs/conversation/api-reference/)."""
        return f"{self._project_url()}/messages"

    def app_url(self) -> str:
        """URL of the app, which exists in its region only."""
        return f"{self._project_url()}/apps/{self.app_id}"

    def _project_url(self) -> str:
        base = str(self.base_url or f"https://{self.region}.conversation.api.sinch.com").rstrip("/")
        return f"{base}/v1/projects/{self.project_id}"

    def token_url(self) -> str:
        """URL that issues access tokens."""
        return f"{str(self.auth_url).rstrip('/')}/oauth2/token"


class SinchCredentials(ProviderSettings):
    """The access key, and what webhooks are signed with.

    Attributes:
        key_id: the access key's id.
        key_secret: the access key's secret.
        webhook_secret: the secret of the app's webhooks, and of its overridden callback URLs.
    """

    key_id: Annotated[str, Field(pattern=r"^[!-9;-~]{1,128}$", examples=["bbbbbbbb-0000-4000-8000-000000000002"])]
    key_secret: Secret
    webhook_secret: Secret

    def authorization(self) -> str:
        """`Authorization` header of a request for an access token (RFC 7617)."""
        pair = f"{self.key_id}:{self.key_secret.get_secret_value()}"
        return "Basic " + base64.b64encode(pair.encode()).decode()
