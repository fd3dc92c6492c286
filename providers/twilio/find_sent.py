"""Search for a send whose outcome is unknown.

https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources

Twilio lists the messages of an account, but stores no reference of ours: a message is found by its text, recipient,
sender and time. The list names neither the URL of media nor a template, so only texts can be identified.
"""

import email.utils
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import parse_qsl

import httpx2
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from domain.outcomes import Accepted
from providers import http
from providers.base import TransientError

PAGE_SIZE: Final = 100
MAX_PAGES: Final = 5
"""Pages that are read: beyond them a message cannot be shown to be the only one."""


def _rfc_2822(text: object) -> datetime:
    """Parse a date in Twilio's format, to the second."""
    if not isinstance(text, str):
        raise ValueError("must be a date")  # noqa: TRY004 - pydantic wants a ValueError
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except OverflowError as error:
        raise ValueError("must be a date that a clock can show") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Message(BaseModel):
    """Fields that are read of a message."""

    sid: Annotated[str, Field(min_length=1)]
    status: Annotated[str, Field(min_length=1)]
    direction: str
    to: str
    sender: Annotated[str | None, Field(alias="from")] = None
    messaging_service_sid: str | None = None
    body: str | None = None
    num_media: Annotated[int, Field(ge=0)] = 0
    date_created: Annotated[datetime, BeforeValidator(_rfc_2822)]


class Page(BaseModel):
    """Page of a list of messages."""

    messages: list[Message]
    next_page_uri: str | None = None


@dataclass(frozen=True, slots=True)
class SentText:
    """Text that may have been sent, in Twilio's format.

    Attributes:
        sender: `From`; None if the Messaging Service picked it.
        service: the Messaging Service; None if there was none.
        since: earlier messages do not match.
    """

    to: str
    sender: str | None
    service: str | None
    body: str
    since: datetime

    def query(self) -> dict[str, str]:
        """Return the query of the list; Twilio compares days, by UTC."""
        sender = {} if self.sender is None else {"From": self.sender}
        day = self.since.astimezone(UTC).date().isoformat()
        return {"To": self.to, **sender, "DateSent>": day, "PageSize": str(PAGE_SIZE)}

    def is_it(self, message: Message) -> bool:
        """Whether a message could be this one."""
        return (
            message.direction == "outbound-api"
            and message.to == self.to
            and self.sender in {None, message.sender}
            and self.service in {None, message.messaging_service_sid}
            and (message.body, message.num_media) == (self.body, 0)
            and message.date_created >= self.since.replace(microsecond=0)
        )


async def find(client: httpx2.AsyncClient, url: str, authorization: str, text: SentText) -> Accepted | None:
    """Find the one message of a text in the list at `url`; None if there is none or more than one.

    Raises:
        TransientError: when Twilio did not answer, or not as documented.
    """
    found: list[Message] = []
    query = text.query()
    for _ in range(MAX_PAGES):
        request = client.build_request("GET", url, params=query, headers={"Authorization": authorization})
        page = await _read_page(client, request)
        found += filter(text.is_it, page.messages)
        if not page.next_page_uri:
            return _only(found)
        # Only the query of the next page's URL is used: the credentials go to the configured host only.
        query = dict(parse_qsl(page.next_page_uri.partition("?")[2], keep_blank_values=True))
    return None


def _only(found: list[Message]) -> Accepted | None:
    if len(found) != 1:
        return None
    return Accepted(provider_message_id=found[0].sid, provider_status=found[0].status.lower())


async def _read_page(client: httpx2.AsyncClient, request: httpx2.Request) -> Page:
    try:
        response = await client.send(request)
    except httpx2.RequestError as error:
        raise TransientError("unreachable", http.describe(error)) from error
    if not response.is_success:
        raise TransientError(f"http_{response.status_code}", retry_after=http.retry_after(response))
    try:
        return Page.model_validate(http.read_json(response.content))
    except ValidationError as error:
        raise TransientError("unreadable", "the list of messages is not of the documented form") from error
