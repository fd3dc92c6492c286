"""Fake Twilio: the Messages API on loopback, and webhooks signed by Twilio's own library."""

import base64
import email.utils
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import FailureClass
from domain.payloads.texts import SimpleText
from domain.status import Milestone
from providers.base import Webhook
from providers.twilio import Twilio
from tests.providers.fake_provider import (
    NOW,
    Delivery,
    FakeProvider,
    Settings,
    with_another_body,
    with_another_url,
    without,
)
from tests.providers.loopback import HTTP_LOSSES, HttpFakeProvider, HttpRequest, Reply, json_answer
from tests.providers.twilio import vendor as vendor_twilio

ACCOUNT: Final = "AC00000000000000000000000000000001"
TOKEN: Final = "made_up_auth_token"
API_KEY: Final = "SK00000000000000000000000000000001"
API_KEY_SECRET: Final = "made_up_api_key_secret"
SENDER: Final = "+15005550006"
ACCOUNTS: Final = "/2010-04-01/Accounts"
MESSAGES: Final = f"{ACCOUNTS}/{ACCOUNT}/Messages.json"
FORM: Final = "application/x-www-form-urlencoded"

_FILTERS: Final[Mapping[str, str]] = {"To": "to", "From": "from"}
"""Parameters of a list, and the fields of a message that they filter."""

_STATUS_OF_CODE: Final[Mapping[str, HTTPStatus]] = {
    "20003": HTTPStatus.UNAUTHORIZED,
    "20404": HTTPStatus.NOT_FOUND,
    "20429": HTTPStatus.TOO_MANY_REQUESTS,
    "14107": HTTPStatus.TOO_MANY_REQUESTS,
    "20500": HTTPStatus.INTERNAL_SERVER_ERROR,
}


def basic(user: str, password: str) -> str:
    """Credentials of RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def complain(code: str, **headers: str) -> bytes:
    """Twilio's error answer (https://www.twilio.com/docs/usage/twilios-response#error-and-exception-response-format)."""
    status = _STATUS_OF_CODE.get(code, HTTPStatus.BAD_REQUEST)
    more = f"https://www.twilio.com/docs/errors/{code}"
    content = {"code": int(code), "message": "It is refused", "more_info": more, "status": status}
    return json_answer(status, content, **headers)


class FakeTwilio(HttpFakeProvider):
    """The Messages API of one account.

    Attributes:
        scheme: the prefix of addresses on the channel.
        account_status: the status in the account's own description; API keys may not read it.
        sent: the messages of the account in Twilio's list format, the newest first.
        page_size: the number of messages on a page of the list.
    """

    scheme: ClassVar[str]
    provider = Twilio
    payload = SimpleText(type="simple-text", text="¿Cómo está? Son 3 € & 50 % + IVA")
    refusals: ClassVar = {
        "21211": FailureClass.DESTINATION,
        "21610": FailureClass.DESTINATION,
        "21617": FailureClass.CONTENT,
        "21606": FailureClass.CONFIGURATION,
        "20404": FailureClass.CONFIGURATION,
        "29999": FailureClass.OTHER,
        "http_307": FailureClass.OTHER,
        "http_403": FailureClass.CONFIGURATION,
        "http_404": FailureClass.OTHER,
    }
    throttles: ClassVar = {"20429": 7, "14107": None, "21611": None}
    other_losses: ClassVar[Mapping[str, Reply]] = {
        "an error of its own": complain("20500"),
        "an unknown error": complain("30008"),
    }
    losses = (*HTTP_LOSSES, *other_losses)
    unknown_credentials = ({"authToken": "another_auth_token"}, "20003")
    check_credentials: ClassVar = {"apiKeySid": API_KEY, "apiKeySecret": API_KEY_SECRET}
    invalid_credentials: ClassVar = {
        "20003": {"apiKeySecret": "another_secret"},
        "20003: It": {"authToken": "another_auth_token"},
    }
    status_map: ClassVar[Mapping[str, Milestone]] = {
        "queued": Milestone.ACCEPTED,
        "sending": Milestone.ACCEPTED,
        "sent": Milestone.SENT,
        "delivered": Milestone.DELIVERED,
        "undelivered": Milestone.FAILED,
        "failed": Milestone.FAILED,
        "canceled": Milestone.FAILED,
    }
    unknown_statuses = ("teleported", "partially_delivered")
    forgeries: ClassVar = {
        "unsigned": without("x-twilio-signature"),
        "another body": with_another_body,
        "another URL": with_another_url,
        "another parameter": lambda webhook: replace(webhook, body=webhook.body + b"&ErrorCode=30003"),
        "another form of body": lambda webhook: replace(
            webhook, headers={**webhook.headers, "content-type": "application/json"}
        ),
    }
    secretless: ClassVar[Mapping[str, JsonValue] | None] = {"authToken": ""}
    bad_configurations: ClassVar = {
        "sender": {"sender": "not a phone number"},
        "sender or messagingServiceSid": {"sender": None},
        "messagingServiceSid": {"messagingServiceSid": "MG1"},
        "validityPeriod": {"validityPeriod": 36_001},
        "baseUrl": {"baseUrl": "http://user:secret@127.0.0.1"},
        "colour": {"colour": "red"},
    }
    bad_credentials: ClassVar = {
        "accountSid": {"accountSid": "AC1"},
        "authToken": {"authToken": None},
        "apiKeySecret": {"apiKeySid": "SK00000000000000000000000000000001"},
    }

    def __init__(self) -> None:
        super().__init__()
        self.account_status = "active"
        self.sent: list[dict[str, JsonValue]] = []
        self.page_size = 50

    def configuration(self) -> Settings:
        return {"sender": SENDER, "baseUrl": self.address}

    def credentials(self) -> Settings:
        return {"accountSid": ACCOUNT, "authToken": TOKEN}

    def secrets(self) -> Sequence[str]:
        return (TOKEN, basic(ACCOUNT, TOKEN).removeprefix("Basic "))

    async def take(self, request: HttpRequest) -> bytes:
        target = urlsplit(request.target)
        if target.path == f"{ACCOUNTS}/{ACCOUNT}.json":
            known = request.headers.get("authorization") == basic(ACCOUNT, TOKEN)
            account = {"sid": ACCOUNT, "status": self.account_status, "friendly_name": "Iris"}
            return json_answer(HTTPStatus.OK, account) if known else complain("20003")
        if target.path != MESSAGES:
            return complain("20404")
        if request.headers.get("authorization") not in {basic(ACCOUNT, TOKEN), basic(API_KEY, API_KEY_SECRET)}:
            return complain("20003")
        if request.method == "GET":
            return self._list(parse_qs(target.query, strict_parsing=True))
        if request.headers.get("content-type") != FORM:
            return complain("20001")
        return self._create(dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)))

    def _create(self, form: Mapping[str, str]) -> bytes:
        if form.get("From") != f"{self.scheme}{SENDER}" and "MessagingServiceSid" not in form:
            return complain("21606")
        sid = f"SM{len(self.deliveries):032x}"
        self.deliveries.append(
            Delivery(
                destinations=(form["To"].removeprefix(f"{self.scheme}+"),),
                text=form.get("Body", ""),
                reference=parse_qs(urlsplit(form["StatusCallback"]).query)["reference"][0],
                provider_message_id=sid,
                callback_url=form["StatusCallback"],
            )
        )
        message: dict[str, JsonValue] = {
            "sid": sid,
            "account_sid": ACCOUNT,
            "to": form["To"],
            "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "body": form.get("Body", ""),
            "status": "queued",
            "num_media": str(int("MediaUrl" in form)),
            "direction": "outbound-api",
            "error_code": None,
            "date_created": email.utils.format_datetime(NOW),
            "date_sent": None,
        }
        self.sent.insert(0, message)
        return json_answer(HTTPStatus.CREATED, message)

    def _list(self, query: Mapping[str, list[str]]) -> bytes:
        """Return a page of the messages with the query's recipient and sender; it ignores time, which all tests
        satisfy."""
        wanted = [
            message
            for message in self.sent
            if all(message[field] == query[name][0] for name, field in _FILTERS.items() if name in query)
        ]
        page = int(query.get("Page", ["0"])[0])
        start, end = page * self.page_size, (page + 1) * self.page_size
        following = urlencode({name: values[0] for name, values in query.items()} | {"Page": page + 1})
        more = f"{MESSAGES}?{following}" if wanted[end:] else None
        return json_answer(HTTPStatus.OK, {"messages": wanted[start:end], "next_page_uri": more, "page": page})

    def take_and_lose_answer(self) -> None:
        """Accept further messages and close without an answer; lists are answered."""

        async def reply(request: HttpRequest) -> Reply:
            answer = await self.take(request)
            return answer if request.method == "GET" else b""

        self._reply = reply

    def error_body(self, code: str) -> bytes:
        wait = self.throttles.get(code)
        return complain(code) if wait is None else complain(code, retry_after=str(wait))

    def receipt(self, delivery: Delivery, word: str) -> Webhook:
        form = {
            "AccountSid": ACCOUNT,
            "ApiVersion": "2010-04-01",
            "From": f"{self.scheme}{SENDER}",
            "MessageSid": delivery.provider_message_id,
            "MessageStatus": word,
            "SmsSid": delivery.provider_message_id,
            "SmsStatus": word,
            "To": f"{self.scheme}+{delivery.destinations[0]}",
            "RawDlrDoneDate": "2607211030",
        }
        if word in {"failed", "undelivered"}:
            form |= {"ErrorCode": "30005", "ErrorMessage": ""}
        body = urlencode(form).encode()
        return self.sign(Webhook(delivery.callback_url, {"content-type": FORM}, body, NOW), TOKEN)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        parameters = dict(parse_qsl(webhook.body.decode(), keep_blank_values=True))
        signature = vendor_twilio.validator(secret).compute_signature(webhook.url, parameters)
        return replace(webhook, headers={**webhook.headers, "x-twilio-signature": signature})


class TwilioSms(FakeTwilio):
    """For SMS."""

    channel = Channel.SMS
    scheme = ""


class TwilioWhatsApp(FakeTwilio):
    """For WhatsApp."""

    channel = Channel.WHATSAPP
    scheme = "whatsapp:"
    refusals: ClassVar = {
        "21211": FailureClass.DESTINATION,
        "63015": FailureClass.DESTINATION,
        "21656": FailureClass.CONTENT,
        "63016": FailureClass.DESTINATION,
        "21212": FailureClass.CONFIGURATION,
        "63007": FailureClass.CONFIGURATION,
        "29999": FailureClass.OTHER,
        "http_403": FailureClass.CONFIGURATION,
    }
    throttles: ClassVar = {"20429": 7, "63018": None, "63012": None}
    status_map: ClassVar = {**FakeTwilio.status_map, "read": Milestone.READ}


FAKE_PROVIDERS: Final[Sequence[type[FakeProvider]]] = (TwilioSms, TwilioWhatsApp)
