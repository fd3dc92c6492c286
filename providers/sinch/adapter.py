"""Sinch adapter: sends through its Conversation API, and parses its delivery reports and inbound messages."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, Final

import httpx2
from pydantic import JsonValue

from domain.channels import Channel
from domain.events import WebhookItem
from domain.gate.throttle_setting import PER_PAIR, Throttle
from domain.outcomes import Accepted, Outcome, Rejected
from providers import http
from providers.base import (
    GOOD,
    NOTHING_INSIDE,
    Attempt,
    Capabilities,
    Check,
    Outbound,
    Provider,
    TransientError,
    Webhook,
)
from providers.sinch import signature, webhooks
from providers.sinch.access_token import AccessToken, Tokens
from providers.sinch.error_codes import CHANNELS
from providers.sinch.messages import MAX_TEXT_LENGTH, payload_types, refusal_of, render
from providers.sinch.responses import Answer, find_reference, is_momentary
from providers.sinch.settings import SinchConfiguration, SinchCredentials
from security.ssrf_guard import AddressGuard

UNAUTHENTICATED: Final = frozenset({"UNAUTHENTICATED", f"http_{HTTPStatus.UNAUTHORIZED}"})
"""Codes of a refused access token."""

CLOCK_SKEW: Final = timedelta(minutes=5)
"""Maximum time by which Sinch's clock may be behind ours."""

MAX_LISTED: Final = 1_000
"""Maximum messages of one list (https://developers.sinch.com/docs/conversation/api-reference/, «List messages»)."""

TTL_SECONDS: Final = (3, 315_576_000_000)
"""Smallest and largest `ttl` (https://developers.sinch.com/docs/conversation/api-reference/, «Send a message»)."""

SOURCES: Final = ("CONVERSATION_SOURCE", "DISPATCH_SOURCE")
"""Sources of messages, by the app's processing mode
(https://developers.sinch.com/docs/conversation/processing-modes/).
"""

NAMES: Final[Mapping[Channel, str]] = {channel: name for name, channel in CHANNELS.items()}


def _capabilities(channel: Channel, *, reports_reads: bool) -> Capabilities:
    return Capabilities(
        payload_types=payload_types(channel),
        max_text_length=MAX_TEXT_LENGTH.get(channel),
        reports_reads=reports_reads,
        # Of an app's queue (https://developers.sinch.com/docs/conversation/api-reference/, «Rate limits»).
        throttle=Throttle(rate=20, perRecipient=PER_PAIR if channel is Channel.WHATSAPP else None),
        finds_sent=True,
        # Sinch hands it to the channels that have one (docs of `ttl`, above).
        min_validity=timedelta(seconds=TTL_SECONDS[0]) if channel is not Channel.WHATSAPP else None,
    )


def _of_app(body: Any) -> Check | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return GOOD if body["id"] else None


class Sinch(Provider[SinchConfiguration, SinchCredentials]):
    """Sends RCS, WhatsApp and SMS through Sinch."""

    name = "sinch"
    title = "Sinch"
    channels: ClassVar[Mapping[Channel, Capabilities]] = {
        Channel.RCS: _capabilities(Channel.RCS, reports_reads=True),
        Channel.WHATSAPP: _capabilities(Channel.WHATSAPP, reports_reads=True),
        Channel.SMS: _capabilities(Channel.SMS, reports_reads=False),
    }
    configuration_type = SinchConfiguration
    credentials_type = SinchCredentials
    setup = (
        "Each message names the webhook URL for its receipts; let Sinch sign them with webhookSecret, by the app's "
        "secret_for_overridden_callback_urls. For messages from end users, add a webhook to the app with the URL as "
        "target, the trigger MESSAGE_INBOUND and the same secret."
    )

    def __init__(
        self,
        configuration: SinchConfiguration,
        credentials: SinchCredentials,
        http: httpx2.AsyncClient,
        guard: AddressGuard = NOTHING_INSIDE,
    ) -> None:
        super().__init__(configuration, credentials, http, guard)
        self._tokens = Tokens(http, configuration.token_url(), credentials.authorization())

    @property
    def sender(self) -> str:
        """App, and number or name if one is set."""
        return f"{self._configuration.project_id} {self._configuration.app_id} {self._configuration.sms_sender or ''}"

    async def prepare(self, outbound: Outbound) -> Attempt | Rejected:
        """Compose a message (https://developers.sinch.com/docs/conversation/api-reference/conversation/messages/).

        A refused access token is renewed once, since a message with it was certainly not accepted.
        """
        refusal = refusal_of(outbound.payload)
        if refusal is not None:
            return refusal
        body = self._body(outbound)
        token = await self._tokens.get()
        return token if isinstance(token, Rejected) else partial(self._post, body, token, self._request(body, token))

    async def _post(self, body: Mapping[str, JsonValue], token: AccessToken, request: httpx2.Request) -> Outcome:
        outcome = await self._post_once(request)
        if not (isinstance(outcome, Rejected) and outcome.code in UNAUTHENTICATED):
            return outcome
        another = await self._tokens.get_another(token)
        return another if isinstance(another, Rejected) else await self._post_once(self._request(body, another))

    def _request(self, body: Mapping[str, JsonValue], token: AccessToken) -> httpx2.Request:
        url = f"{self._configuration.messages_url()}:send"
        return self._http.build_request("POST", url, json=body, headers={"Authorization": token.authorization()})

    async def _post_once(self, request: httpx2.Request) -> Outcome:
        answer = Answer()
        try:
            return await http.send(self._http, request, answer.response_mapping())
        except TransientError as error:
            wait = error.retry_after or answer.wait
            raise TransientError(error.code, error.detail, wait, error.cool_down) from error

    def _body(self, outbound: Outbound) -> dict[str, JsonValue]:
        channel = NAMES[outbound.channel]
        identity: JsonValue = {"channel": channel, "identity": outbound.destinations[0]}
        body: dict[str, JsonValue] = {
            "app_id": self._configuration.app_id,
            "recipient": {"identified_by": {"channel_identities": [identity]}},
            "message": render(outbound.payload),
            "channel_priority_order": [channel],
            "correlation_id": outbound.reference,
            "message_metadata": outbound.reference,
            "callback_url": outbound.callback_url,
        }
        ttl = outbound.seconds_valid(self._configuration.ttl, *TTL_SECONDS)
        if ttl is not None:
            body["ttl"] = f"{ttl}s"
        if outbound.channel is Channel.SMS and self._configuration.sms_sender is not None:
            body["channel_properties"] = {"SMS_SENDER": self._configuration.sms_sender}
        return body

    async def check(self) -> Check:
        """Read the app with an access token of the key; another project or region does not have it.

        https://developers.sinch.com/docs/conversation/api-reference/conversation/app/ (Get an app). There is no call to
        check
        the webhook secret.
        """
        token = await self._tokens.get()
        if isinstance(token, Rejected):
            return http.refused(token)
        headers = {"Authorization": token.authorization()}
        request = self._http.build_request("GET", self._configuration.app_url(), headers=headers)
        return await http.check(self._http, request, Answer().response_mapping(), _of_app)

    async def find_sent(self, outbound: Outbound, since: datetime) -> Accepted | None:
        """Search for our reference in the metadata of the app's messages to the destination since then."""
        for source in SOURCES:
            content = await self._list(self._query(outbound, since, source))
            found = find_reference(content, outbound.reference)
            if found is not None:
                return found
        return None

    def _query(self, outbound: Outbound, since: datetime, source: str) -> Mapping[str, str]:
        return {
            "app_id": self._configuration.app_id,
            "channel": NAMES[outbound.channel],
            "channel_identity": outbound.destinations[0],
            "direction": "TO_CONTACT",
            "start_time": (since - CLOCK_SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "view": "WITH_METADATA",
            "messages_source": source,
            "page_size": str(MAX_LISTED),
        }

    async def _list(self, query: Mapping[str, str]) -> object:
        """Return a raw list of messages; None if Sinch refuses it.

        Raises:
            TransientError: when Sinch did not answer.
        """
        token = await self._tokens.get()
        if isinstance(token, Rejected):
            return None
        response = await self._get(query, token)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            token = await self._tokens.get_another(token)
            if isinstance(token, Rejected):
                return None
            response = await self._get(query, token)
        return http.read_json(response.content) if response.is_success else None

    async def _get(self, query: Mapping[str, str], token: AccessToken) -> httpx2.Response:
        headers = {"Authorization": token.authorization()}
        try:
            response = await self._http.get(self._configuration.messages_url(), params=query, headers=headers)
        except httpx2.RequestError as error:
            raise TransientError("unreachable", http.describe(error)) from error
        if is_momentary(response):
            raise TransientError(f"http_{response.status_code}", "", http.retry_after(response))
        return response

    def verify(self, webhook: Webhook) -> None:
        """Check the signature and its age."""
        signature.check(webhook, self._credentials.webhook_secret.get_secret_value())

    def nonce(self, webhook: Webhook) -> str | None:
        """Return the signature's nonce."""
        return webhook.headers.get(signature.NONCE)

    def parse(self, webhook: Webhook) -> Sequence[WebhookItem]:
        """Parse a delivery report, an inbound message or a reaction; other triggers give no items."""
        return webhooks.read(webhook.body)
