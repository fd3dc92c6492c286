"""Sandbox: a provider for every channel that sends to nobody, served by `embedded.gateway`.

Its protocol and its magic recipients: `docs/providers/sandbox.md`.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    HttpUrl,
    JsonValue,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
)
from pydantic.alias_generators import to_camel

from domain.channels import Channel
from domain.clock import to_milliseconds
from domain.destinations import InvalidDestinationError, kind_of, normalise
from domain.events import InboundMessage, ProviderEvent, WebhookItem
from domain.outcomes import Accepted, FailureClass, Rejected
from domain.payloads import PAYLOADS
from domain.status import Milestone
from domain.strategy.recall import RecallResult
from domain.texts import invalid_value
from providers.base import (
    GOOD,
    Attempt,
    Capabilities,
    Check,
    CoolDown,
    Outbound,
    Provider,
    RateScope,
    UnreadableError,
    UnverifiedError,
    Webhook,
)
from providers.http import Ambiguity, ErrorBody, ErrorMeaning, ResponseMapping, check, first_status, recall, send
from providers.lenient import Id, Optional, Part, ShortText, Text, Values, each, read, read_document, unsupported
from providers.provider_settings import ProviderSettings

# docs/providers/sandbox.md, «Callbacks»
MILESTONES: Final[Mapping[str, Milestone]] = {
    "queued": Milestone.ACCEPTED,
    "sent": Milestone.SENT,
    "failed": Milestone.FAILED,
    "recalled": Milestone.FAILED,
    "delivered": Milestone.DELIVERED,
    "read": Milestone.READ,
}

# docs/providers/sandbox.md, «Errors»
FAILURES: Final[Mapping[str, FailureClass]] = {
    "invalid_json": FailureClass.OTHER,
    "invalid_request": FailureClass.CONTENT,
    "invalid_recipient": FailureClass.DESTINATION,
    "recipient_refused": FailureClass.DESTINATION,
    "recipient_unreachable": FailureClass.DESTINATION,
    "reference_reused": FailureClass.OTHER,
    "body_too_large": FailureClass.CONTENT,
    "unauthenticated": FailureClass.CONFIGURATION,
}
MEANINGS: Final[Mapping[str, ErrorMeaning]] = {**FAILURES, "throttled": Ambiguity.NOT_ACCEPTED}

COOL_DOWNS: Final[Mapping[str, CoolDown]] = {"throttled": CoolDown(RateScope.RECIPIENT)}
"""The gateway throttles by recipient."""

SIGNATURE_WINDOW: Final = timedelta(minutes=5)
"""Maximum difference between a signature's time and ours, either way."""

_RECALLS: Final = {200: RecallResult.RECALLED, 409: RecallResult.ALREADY_DELIVERED}

_EMAIL_DESTINATIONS: Final = 10
_UNIX_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")


def _token(token: SecretStr) -> SecretStr:
    if not _VISIBLE_ASCII.fullmatch(token.get_secret_value()):
        raise invalid_value(
            "debe ser uno o más caracteres ASCII visibles", "it must be one or more visible ASCII characters"
        )
    return token


class SandboxConfiguration(ProviderSettings):
    """What a sandbox integration says openly.

    Attributes:
        base_url: where the gateway listens, such as `http://127.0.0.1:8090`.
        recognises_repetitions: whether Iris may rely on the gateway to recognise a message that is sent again; without,
            a message is sent at most once, as through most providers.
    """

    base_url: Annotated[HttpUrl, Field(examples=["http://127.0.0.1:8001"])]
    recognises_repetitions: bool = True


class SandboxCredentials(ProviderSettings):
    """What a sandbox integration keeps secret.

    Attributes:
        token: the bearer token of the account at the gateway.
        signing_secret: what the gateway signs that account's callbacks with; empty verifies nothing.
    """

    token: Annotated[SecretStr, AfterValidator(_token)]
    signing_secret: SecretStr


class _Error(Part):
    code: Text = ""
    message: Text = ""


class _Callback(Part):
    id: Id
    status: ShortText
    reference: Text = ""
    to: Values = ()
    timestamp: JsonValue = None
    error: Optional[_Error] = None


class _Inbound(Part):
    model_config = ConfigDict(alias_generator=to_camel)

    id: Id
    channel: Channel
    sender: Annotated[Id, Field(alias="from")]
    name: Text = ""
    payload: Optional[dict[str, JsonValue]] = None
    in_reply_to: Text = ""
    timestamp: JsonValue = None


class _Field(Part):
    """Field of a user's message: a short name, and a value that can be stored."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,99}$")]
    value: StrictStr | StrictBool | Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)] | FiniteFloat


MAX_TEXT: Final[Mapping[Channel, int]] = {
    Channel.SMS: 1_600,
    Channel.WHATSAPP: 4_096,
    Channel.RCS: 3_072,
    Channel.MESSENGER: 2_000,
}
"""Maximum characters of a text by channel, so that a message that works here also works at the channel's providers.

SMS itself has no such limit; Twilio's is the lowest.
"""


def _capabilities(channel: Channel) -> Capabilities:
    return Capabilities(
        payload_types=frozenset(PAYLOADS[channel]),
        max_text_length=MAX_TEXT.get(channel),
        max_destinations=_EMAIL_DESTINATIONS if channel is Channel.EMAIL else 1,
        idempotent_send=True,
        reports_delivery=True,
        reports_reads=channel is not Channel.SMS,
        recalls=channel is Channel.RCS,
    )


class Sandbox(Provider[SandboxConfiguration, SandboxCredentials]):
    """Provider that sends to nobody; the recipient decides the outcome of a message."""

    name = "sandbox"
    title = "Sandbox"
    channels: ClassVar[Mapping[Channel, Capabilities]] = {channel: _capabilities(channel) for channel in Channel}
    configuration_type = SandboxConfiguration
    credentials_type = SandboxCredentials
    setup = "Nothing: each message names the webhook URL."

    @classmethod
    def capabilities(cls, channel: Channel, configuration: Mapping[str, JsonValue]) -> Capabilities | None:
        """Return the channel's capabilities, unless the integration opts out of the gateway's idempotency."""
        able = cls.channels.get(channel)
        return replace(able, idempotent_send=configuration.get("recognisesRepetitions", True) is True) if able else None

    @property
    def sender(self) -> str:
        """Account at the gateway."""
        return f"{self._configuration.base_url} {self._credentials.token.get_secret_value()}"

    async def prepare(self, outbound: Outbound) -> Attempt | Rejected:
        """Compose the request of one message; the gateway recognises a repetition by its reference."""
        request = self._http.build_request(
            "POST",
            self._messages_url(),
            headers=self._authorization(),
            json={
                "reference": outbound.reference,
                "channel": outbound.channel,
                "to": outbound.destinations,
                "payload": outbound.payload.model_dump(mode="json", by_alias=True),
                "callbackUrl": outbound.callback_url,
            },
        )
        return partial(send, self._http, request, _RESPONSE_MAPPING)

    async def recall(self, provider_message_id: str) -> RecallResult:
        """Ask the gateway to take back a message that it has not delivered yet (`docs/providers/sandbox.md`)."""
        url = f"{self._messages_url()}/{quote(provider_message_id, safe='')}/recall"
        request = self._http.build_request("POST", url, headers=self._authorization())
        return await recall(self._http, request, _RECALLS)

    def _messages_url(self) -> str:
        return str(self._configuration.base_url).rstrip("/") + "/v1/messages"

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._credentials.token.get_secret_value()}"}

    async def check(self) -> Check:
        """List a message of the account (`docs/providers/sandbox.md`, «Ledger queries»)."""
        url = self._messages_url()
        request = self._http.build_request("GET", url, params={"limit": 1}, headers=self._authorization())
        return await check(self._http, request, _RESPONSE_MAPPING, _of_messages)

    def verify(self, webhook: Webhook) -> None:
        """Check the HMAC-SHA256 of the timestamp and the raw body.

        Raises:
            UnverifiedError: if it is missing, wrong or older than `SIGNATURE_WINDOW`, or there is no secret.
        """
        secret = self._credentials.signing_secret.get_secret_value()
        if not secret:
            raise UnverifiedError("the integration has no signing secret")
        timestamp = webhook.headers.get("x-sandbox-timestamp", "")
        if not _UNIX_SECONDS.fullmatch(timestamp):
            raise UnverifiedError("X-Sandbox-Timestamp is missing or is not in seconds")
        signed = timestamp.encode() + b"." + webhook.body
        expected = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        given = webhook.headers.get("x-sandbox-signature", "")
        if not hmac.compare_digest(expected.encode(), given.encode(errors="replace")):
            raise UnverifiedError("X-Sandbox-Signature is missing or wrong")
        if abs(webhook.received_at.timestamp() - int(timestamp)) > SIGNATURE_WINDOW.total_seconds():
            raise UnverifiedError("X-Sandbox-Timestamp is too far from now")

    def parse(self, webhook: Webhook) -> Sequence[WebhookItem]:
        """Parse the single item of a callback.

        Raises:
            UnreadableError: if the body is not a callback.
        """
        content = read_document(webhook.body)
        if isinstance(content, dict) and "inbound" in content:
            return (_message(read(_Inbound, content["inbound"])),)
        return (_event(read(_Callback, content)),)


def _event(callback: _Callback) -> ProviderEvent:
    provider_status = callback.status.lower()
    milestone = MILESTONES.get(provider_status, Milestone.NONE)
    error = callback.error or _Error()
    return ProviderEvent(
        key=f"{callback.id}:{provider_status}",
        provider_status=provider_status,
        milestone=milestone,
        reference=callback.reference or None,
        provider_message_id=callback.id,
        destination=_only_recipient(callback.to),
        occurred_at=_instant(callback.timestamp),
        code=error.code or None,
        failure=FAILURES.get(error.code, FailureClass.OTHER) if milestone is Milestone.FAILED else None,
        detail=error.message,
    )


def _only_recipient(recipients: Sequence[JsonValue]) -> str | None:
    """Return the recipient if there is one; with several, the event is about the message, not about one of them."""
    if len(recipients) != 1 or not isinstance(recipients[0], str):
        return None
    return recipients[0] or None


def _message(inbound: _Inbound) -> InboundMessage:
    kind = kind_of(inbound.channel, inbound.sender)
    try:
        sender = normalise(kind, inbound.sender)
    except InvalidDestinationError as error:
        raise UnreadableError(f"`from` is not a {kind}") from error
    return InboundMessage(
        provider_message_id=inbound.id,
        sender=sender,
        sender_kind=kind,
        sender_name=inbound.name,
        payload=_payload(inbound.payload or {}),
        in_reply_to=inbound.in_reply_to or None,
        occurred_at=_instant(inbound.timestamp),
    )


def _payload(said: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the fields that can be stored; without any, an unsupported payload."""
    fields = each(_Field, ({"name": name, "value": value} for name, value in said.items()))
    return {field.name: field.value for field in fields} or unsupported("message")


def _instant(text: JsonValue) -> datetime | None:
    """Parse an ISO 8601 instant; None for anything else, since an event counts even if its time is unreadable."""
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
        return to_milliseconds(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _accepted(body: Any) -> Accepted | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return (
        Accepted(provider_message_id=body["id"], provider_status=first_status(body.get("status")))
        if body["id"]
        else None
    )


def _of_messages(body: Any) -> Check | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return GOOD if isinstance(body["messages"], list) else None


def _error_body(body: Any) -> ErrorBody | None:  # noqa: ANN401 - arbitrary JSON from the provider
    error = body["error"]
    return ErrorBody(code=str(error["code"]), detail=str(error.get("message", "")))


_RESPONSE_MAPPING: Final = ResponseMapping(_accepted, _error_body, MEANINGS, COOL_DOWNS)
