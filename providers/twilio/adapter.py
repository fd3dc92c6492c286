"""Twilio as a provider: sends through its Messages API, hears its status callbacks."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, model_validator

from domain.channels import Channel
from domain.events import ProviderEvent
from domain.outcomes import Accepted, FailureClass, Outcome
from domain.payloads.texts import SimpleText
from domain.status import Milestone
from providers import http
from providers.base import (
    Capabilities,
    Outbound,
    Provider,
    ProviderSettings,
    UnreadableError,
    UnverifiedError,
    Webhook,
)
from providers.twilio.codes import FAILURES, MEANINGS
from providers.twilio.signature import SigningKey, is_signed

WORDS: Final[Mapping[str, Milestone]] = {
    "accepted": Milestone.ACCEPTED,
    "scheduled": Milestone.ACCEPTED,
    "queued": Milestone.ACCEPTED,
    "sending": Milestone.ACCEPTED,
    "sent": Milestone.SENT,
    "delivered": Milestone.DELIVERED,
    "read": Milestone.READ,
    "failed": Milestone.FAILED,
    "undelivered": Milestone.FAILED,
    "canceled": Milestone.FAILED,
}
"""What each `MessageStatus` means
(https://www.twilio.com/docs/messaging/api/message-resource#message-status-values).

`partially_delivered` is documented nowhere: it is recorded, and proves nothing.
"""

INBOUND_WORDS: Final = frozenset({"received", "receiving"})
"""The statuses of messages from end users."""

ADDRESS_SCHEMES: Final[Mapping[Channel, str]] = {Channel.SMS: ""}
"""What comes before the phone numbers of a channel, `To` and `From` alike."""

LONGEST_BODY: Final = 1600
"""Characters of `Body` (https://www.twilio.com/docs/api/errors/21617)."""

SENDER: Final = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}", re.ASCII)
"""A phone number, a short code or an alphanumeric id
(https://www.twilio.com/docs/messaging/services/api/alphasender-resource).
"""


def _sender(text: str) -> str:
    if not SENDER.fullmatch(text):
        raise ValueError("must be a phone number with +, a short code, or at most 11 characters with a letter")
    return text


def _bare(url: HttpUrl) -> HttpUrl:
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must have no user, no password, no query and no fragment")
    return url


Secret = Annotated[SecretStr, Field(min_length=1)]


class TwilioConfiguration(ProviderSettings):
    """Who sends, and how.

    Attributes:
        sender: a phone number (`+34…`), a short code, or an alphanumeric id.
        messaging_service_sid: a Messaging Service, which picks the sender unless there is one.
        base_url: the API's address; another region's, or a test double's.
        validity_period: seconds after which Twilio gives up on an undelivered message, 1 to 36000.
    """

    sender: Annotated[str, AfterValidator(_sender)] | None = None
    messaging_service_sid: Annotated[str, Field(pattern=r"^MG[0-9a-fA-F]{32}$")] | None = None
    base_url: Annotated[HttpUrl, AfterValidator(_bare)] = HttpUrl("https://api.twilio.com")
    validity_period: Annotated[int, Field(ge=1, le=36_000)] | None = None

    @model_validator(mode="after")
    def _has_sender(self) -> Self:
        if self.sender is None and self.messaging_service_sid is None:
            raise ValueError("sender or messagingServiceSid is required")
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

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")]
    auth_token: Secret
    previous_auth_token: Secret | None = None
    api_key_sid: Annotated[str, Field(pattern=r"^SK[0-9a-fA-F]{32}$")] | None = None
    api_key_secret: Secret | None = None
    shared_key_secret: Secret | None = None

    @model_validator(mode="after")
    def _has_whole_api_key(self) -> Self:
        if (self.api_key_sid is None) != (self.api_key_secret is None):
            raise ValueError("apiKeySid and apiKeySecret must be given together")
        return self

    def authorization(self) -> str:
        """The `Authorization` header of a request (https://www.twilio.com/docs/usage/requests-to-twilio)."""
        user, secret = self.account_sid, self.auth_token
        if self.api_key_sid and self.api_key_secret:
            user, secret = self.api_key_sid, self.api_key_secret
        return "Basic " + base64.b64encode(f"{user}:{secret.get_secret_value()}".encode()).decode()

    def signing_keys(self) -> Iterator[SigningKey]:
        """The keys that a webhook may be signed with."""
        for token in (self.auth_token, self.previous_auth_token):
            if token is not None:
                yield SigningKey(token.get_secret_value())
        if self.shared_key_secret is not None:
            yield SigningKey(self.shared_key_secret.get_secret_value(), "sha256")


def _accepted(body: Any) -> Accepted | None:  # noqa: ANN401 - whatever JSON the far end wrote
    word = body.get("status") or "accepted"
    return Accepted(provider_message_id=body["sid"], word=word.lower()) if body["sid"] else None


def _complaint(body: Any) -> http.Complaint | None:  # noqa: ANN401 - whatever JSON the far end wrote
    """Twilio's own form of errors has a `message`, RFC 9457's a `detail` and a `title`; both have the `code`."""
    code = body["code"]
    if not isinstance(code, int | str):
        return None
    texts = (body.get(name) for name in ("message", "detail", "title"))
    return http.Complaint(str(code), next((text for text in texts if isinstance(text, str)), ""))


DIALECT: Final = http.Dialect(_accepted, _complaint, MEANINGS)
"""How Twilio answers a send (https://www.twilio.com/docs/usage/twilios-response)."""


class Twilio(Provider[TwilioConfiguration, TwilioCredentials]):
    """Sends SMS through Twilio."""

    name = "twilio"
    title = "Twilio"
    channels: ClassVar[Mapping[Channel, Capabilities]] = {
        Channel.SMS: Capabilities(payload_types=frozenset({SimpleText.wire_type}), longest_text=LONGEST_BODY),
    }
    configuration_type = TwilioConfiguration
    credentials_type = TwilioCredentials

    async def send(self, outbound: Outbound) -> Outcome:
        """Create a message (https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource)."""
        request = self._http.build_request(
            "POST",
            f"{str(self._configuration.base_url).rstrip('/')}"
            f"/2010-04-01/Accounts/{self._credentials.account_sid}/Messages.json",
            data=self._form(outbound),
            headers={"Authorization": self._credentials.authorization()},
        )
        return await http.send(self._http, request, DIALECT)

    def _form(self, outbound: Outbound) -> dict[str, str]:
        configuration = self._configuration
        scheme = ADDRESS_SCHEMES[outbound.channel]
        form = {
            "To": f"{scheme}+{outbound.destinations[0]}",
            "Body": outbound.payload.displayed_text(),
            "StatusCallback": with_reference(outbound.callback_url, outbound.reference),
        }
        if configuration.sender is not None:
            form["From"] = f"{scheme}{configuration.sender}"
        if configuration.messaging_service_sid is not None:
            form["MessagingServiceSid"] = configuration.messaging_service_sid
        if configuration.validity_period is not None:
            form["ValidityPeriod"] = str(configuration.validity_period)
        return form

    def verify(self, webhook: Webhook) -> None:
        """Check the signature. It covers no time, so an old webhook repeated is told apart by its events' keys."""
        if not is_signed(webhook, tuple(self._credentials.signing_keys())):
            raise UnverifiedError("the signature is not Twilio's")

    def parse(self, webhook: Webhook) -> Sequence[ProviderEvent]:
        """Read a status callback (https://www.twilio.com/docs/messaging/api/message-resource#twilios-request-to-the-statuscallback-url).

        Messages from end users are not heard yet: they tell nothing.
        """
        form = read_form(webhook.body)
        word = (form.get("MessageStatus") or form.get("SmsStatus", "")).lower()
        message_id = form.get("MessageSid")
        if not message_id or not (word or "Body" in form):
            raise UnreadableError("a status callback has MessageSid and MessageStatus")
        if not word or word in INBOUND_WORDS:
            return ()
        milestone = WORDS.get(word, Milestone.NONE)
        code = form.get("ErrorCode") or None
        return (
            ProviderEvent(
                key=f"{message_id}:{word}",
                word=word,
                milestone=milestone,
                reference=reference_of(webhook.url),
                provider_message_id=message_id,
                destination=form.get("To", "").rpartition("+")[2] or None,
                code=code,
                failure=FAILURES.get(code or "", FailureClass.OTHER) if milestone is Milestone.FAILED else None,
                detail=form.get("ErrorMessage") or form.get("ChannelStatusMessage") or "",
            ),
        )


def with_reference(callback_url: str, reference: str) -> str:
    """The URL with our reference in its query: Twilio's messages have no other field that comes back."""
    parts = urlsplit(callback_url)
    query = "&".join(filter(None, (parts.query, urlencode({"reference": reference}))))
    return parts._replace(query=query).geturl()


def reference_of(url: str) -> str | None:
    """Our reference in the query of the URL that Twilio called."""
    return parse_qs(urlsplit(url).query).get("reference", [None])[-1]


def read_form(body: bytes) -> dict[str, str]:
    """The parameters of a form.

    Raises:
        UnreadableError: if it is not one, in UTF-8.
    """
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise UnreadableError("not a form in UTF-8") from error
