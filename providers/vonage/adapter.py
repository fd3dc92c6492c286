"""Vonage adapter: sends through its Messages API, and parses statuses and messages from end users."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Final
from urllib.parse import quote

import httpx2

from domain.channels import Channel
from domain.events import WebhookItem
from domain.gate.consent import ConsentCategory, ConsentSource
from domain.gate.throttle_setting import PER_PAIR, Throttle
from domain.outcomes import Accepted, FailureClass, Outcome, Rejected
from domain.strategy.recall import RecallResult
from domain.texts import both
from providers import http
from providers.base import GOOD, NOTHING_INSIDE, Attempt, Capabilities, Check, Outbound, Provider, Webhook
from providers.opt_outs import OptOut
from providers.vonage.access_token import ApplicationToken, has_public_key
from providers.vonage.error_codes import COOL_DOWNS, JWT_EXPIRED, MEANINGS
from providers.vonage.messages import CARRIED, Body, NotCarriedError, content_of
from providers.vonage.responses import Problem
from providers.vonage.settings import VonageConfiguration, VonageCredentials
from providers.vonage.signature import signed_claims
from providers.vonage.webhooks import read_events
from security.ssrf_guard import AddressGuard

CHANNEL_NAMES: Final[Mapping[Channel, str]] = {
    Channel.SMS: "sms",
    Channel.WHATSAPP: "whatsapp",
    Channel.MESSENGER: "messenger",
    Channel.RCS: "rcs",
}

MAX_TEXT_LENGTH: Final[Mapping[Channel, int]] = {
    Channel.SMS: 3_200,
    Channel.WHATSAPP: 4_096,
    Channel.MESSENGER: 640,
    Channel.RCS: 3_072,
}
"""Maximum characters of a text (https://developer.vonage.com/en/api/messages#SendMessage)."""

TTL_SECONDS: Final[Mapping[Channel, tuple[int, int]]] = {Channel.SMS: (20, 604_800), Channel.RCS: (300, 259_200)}
"""Smallest and largest `ttl` of the channels that have one (https://developer.vonage.com/en/api/messages#SendMessage).

For RCS, the smallest is the one of Vonage's Python SDK; that of its Java SDK is 20.
"""


def _accepted(body: Any) -> Accepted | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return Accepted(provider_message_id=body["message_uuid"]) if body["message_uuid"] else None


def _error_body(body: Any) -> http.ErrorBody | None:  # noqa: ANN401 - arbitrary JSON from the provider
    problem = Problem.model_validate(body)
    return http.ErrorBody(problem.code, problem.text) if problem.is_vonages else None


RESPONSE_MAPPING: Final = http.ResponseMapping(_accepted, _error_body, MEANINGS, COOL_DOWNS)
"""Rules for Vonage's answers to a send (https://developer.vonage.com/en/api/messages#SendMessage-responses)."""


def _of_applications(body: Any) -> Check | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return GOOD if isinstance(body["total_items"], int) else None


class Vonage(Provider[VonageConfiguration, VonageCredentials]):
    """Sends SMS, and messages on WhatsApp, Messenger and RCS, through Vonage."""

    name = "vonage"
    opt_outs: ClassVar[Mapping[str, OptOut]] = {
        # https://developer.vonage.com/en/opt-out-assist/guides/messaging-opted-out-numbers
        "1240": OptOut(ConsentCategory.ALL, ConsentSource.PROVIDER),
    }
    title = "Vonage"
    channels: ClassVar[Mapping[Channel, Capabilities]] = {
        channel: Capabilities(
            payload_types=frozenset(payload.wire_type for payload in payloads),
            max_text_length=MAX_TEXT_LENGTH[channel],
            reports_reads=channel is not Channel.SMS,
            recalls=channel is Channel.RCS,
            min_validity=timedelta(seconds=TTL_SECONDS[channel][0]) if channel in TTL_SECONDS else None,
            # Of an API key (https://api.support.vonage.com/hc/en-us/articles/203993598).
            throttle=Throttle(rate=30, perRecipient=PER_PAIR if channel is Channel.WHATSAPP else None),
        )
        for channel, payloads in CARRIED.items()
    }
    configuration_type = VonageConfiguration
    credentials_type = VonageCredentials
    setup = (
        "Nothing for statuses: each message names the webhook URL. For messages from end users, set it as Inbound URL "
        "and Status URL of the application, with webhook version v1. Leave signed webhooks switched on."
    )

    def __init__(
        self,
        configuration: VonageConfiguration,
        credentials: VonageCredentials,
        http: httpx2.AsyncClient,
        guard: AddressGuard = NOTHING_INSIDE,
    ) -> None:
        super().__init__(configuration, credentials, http, guard)
        self._token = ApplicationToken.of(credentials)

    @property
    def sender(self) -> str:
        """Account, and number, name or page."""
        return f"{self._credentials.api_key} {self._configuration.sender}"

    async def prepare(self, outbound: Outbound) -> Attempt | Rejected:
        """Compose one message; it is repeated with a new JWT if the first had expired, since then nothing was sent."""
        try:
            message = self._message(outbound)
        except NotCarriedError as error:
            return Rejected(code="not_carried", failure=FailureClass.CONTENT, detail=str(error))
        return partial(self._post, message, self._request(message))

    async def _post(self, message: Body, request: httpx2.Request) -> Outcome:
        outcome = await http.send(self._http, request, RESPONSE_MAPPING)
        if self._token and isinstance(outcome, Rejected) and outcome.code == JWT_EXPIRED:
            self._token.discard()
            outcome = await http.send(self._http, self._request(message), RESPONSE_MAPPING)
        return outcome

    def _request(self, message: Body) -> httpx2.Request:
        return self._http.build_request("POST", self._url("/v1/messages"), json=message, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        authorization = f"Bearer {self._token.current()}" if self._token else self._credentials.basic()
        return {"Authorization": authorization, "Accept": "application/json"}

    async def recall(self, provider_message_id: str) -> RecallResult:
        """Revoke an RCS message, which Vonage tries within 24 hours of the send and never guarantees.

        https://developer.vonage.com/en/api/messages#UpdateMessage
        """
        url = self._url(f"/v1/messages/{quote(provider_message_id, safe='')}")
        request = self._http.build_request("PATCH", url, json={"status": "revoked"}, headers=self._headers())
        return await http.recall(self._http, request, {200: RecallResult.RECALLED})

    def _url(self, path: str) -> str:
        return f"{str(self._configuration.base_url).rstrip('/')}{path}"

    def _message(self, outbound: Outbound) -> Body:
        return {
            "channel": CHANNEL_NAMES[outbound.channel],
            "to": outbound.destinations[0],
            "from": self._configuration.sender,
            "client_ref": outbound.reference,
            "webhook_url": outbound.callback_url,
            "webhook_version": "v1",
            **content_of(outbound.payload),
            **self._options(outbound),
        }

    def _options(self, outbound: Outbound) -> Body:
        configuration, channel = self._configuration, outbound.channel
        options: Body = {}
        if channel in TTL_SECONDS:
            ttl = outbound.seconds_valid(configuration.ttl, *TTL_SECONDS[channel])
            options |= {"ttl": ttl} if ttl is not None else {}
        if configuration.messenger_category is not None and channel is Channel.MESSENGER:
            tag: Body = {"tag": configuration.messenger_tag} if configuration.messenger_tag else {}
            options["messenger"] = {"category": configuration.messenger_category, **tag}
        return options

    async def check(self) -> Check:
        """Read the account's applications by its API secret, or the application that sends, whose key must be ours.

        https://developer.vonage.com/en/api/application.v2. That API accepts only the account's secret, and no free call
        accepts
        an application's own token. There is no call to check the signature secret.
        """
        credentials = self._credentials
        if credentials.api_secret is None:
            return Check(
                ok=None,
                reason=both(
                    "Vonage solo informa de una aplicación con el apiSecret de la cuenta",
                    "Vonage shows an application only with the account's apiSecret",
                ),
            )
        one = f"/{credentials.application_id}" if credentials.application_id else "?page_size=1"
        request = self._http.build_request(
            "GET", self._url(f"/v2/applications{one}"), headers={"Authorization": credentials.basic()}
        )
        return await http.check(
            self._http,
            request,
            RESPONSE_MAPPING,
            self._of_application if credentials.application_id else _of_applications,
        )

    def _of_application(self, body: Any) -> Check | None:  # noqa: ANN401 - arbitrary JSON from the provider
        key = self._credentials.private_key
        if key is None or has_public_key(key.get_secret_value(), body["keys"]["public_key"]):
            return GOOD
        return Check(ok=False, reason=both("privateKey no es de la aplicación", "privateKey is not the application's"))

    def verify(self, webhook: Webhook) -> None:
        """Check the token that signs Vonage's webhooks."""
        signed_claims(webhook, self._credentials)

    def nonce(self, webhook: Webhook) -> str:
        """Return the token's `jti`."""
        return signed_claims(webhook, self._credentials).jti

    def parse(self, webhook: Webhook) -> Sequence[WebhookItem]:
        """Parse a status or a message from an end user."""
        return read_events(webhook.body)
