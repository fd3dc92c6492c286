"""Payloads of e-mail."""

import base64
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field, JsonValue, StringConstraints
from pydantic_core import PydanticCustomError

from domain.payloads.base import FileLimits, Part, Payload, Text, Url, summary_text


def _check_file_name(text: str) -> str:
    if "=?" in text:
        raise PydanticCustomError("bad_file_name", "it looks like an encoded word")
    return text


def _check_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except ValueError as error:
        raise PydanticCustomError("bad_base64", "it is not base64") from error
    return text


HeaderText = Annotated[str, StringConstraints(max_length=998, pattern=r"^[^\r\n]*$")]
"""One line of a mail header (RFC 5322 §2.1.1: at most 998 characters), which prevents header injection."""

FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f/\\]+$"),
    AfterValidator(_check_file_name),
]
"""File name without folders, control characters or anything that a mail header would decode (RFC 2047)."""

MediaTypeName = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-zA-Z0-9.+_-]{1,100}$")]
"""Media type such as `application/pdf` (RFC 6838 §4.2)."""

Base64 = Annotated[str, AfterValidator(_check_base64)]
"""Bytes in strict base64 (RFC 4648 §4)."""

MAX_FILES: Final = 10

MAX_TOTAL_FILE_BYTES: Final = 15_728_640
"""Total bytes of a mail's uploaded files: base64 adds a third (RFC 2045 §6.8), which stays within the 25 MB that large
mail services accept (https://support.google.com/mail/answer/6584).
"""

Copies = Annotated[list[str], Field(max_length=50)]


def is_markup(raw: Mapping[str, JsonValue], name: str) -> bool:
    """Whether a field of a mail's payload, as its caller wrote it, is HTML."""
    return name.lower() == "body" and any(other.lower() == "ishtml" and value is True for other, value in raw.items())


class Attachment(Part):
    """A file that goes with a mail, in the request itself: as large as a request's body lets it be."""

    file_name: FileName
    media_type: MediaTypeName = "application/octet-stream"
    content: Base64

    def data(self) -> bytes:
        """Return the bytes."""
        return base64.b64decode(self.content)


class Email(Payload):
    """`email`: a subject and a body, which is HTML when `IsHtml` says so.

    Attributes:
        unsubscribe_url: where a single POST ends the subscription (RFC 8058); for mail that was subscribed to.
    """

    wire_type = "email"
    displayed_field = "Body"
    subject: HeaderText = ""
    body: Text
    is_html: bool = False
    cc: Copies = []
    bcc: Copies = []
    reply_to: HeaderText | None = None
    unsubscribe_url: Url | None = None
    attachments: Annotated[list[Attachment], Field(max_length=MAX_FILES)] = []

    def displayed_text(self) -> str:
        """Return the body."""
        return self.body

    def file_limits(self) -> FileLimits:
        """Return the limits of uploaded files, which add to those in the request itself."""
        return FileLimits(MAX_FILES - len(self.attachments), MAX_TOTAL_FILE_BYTES)

    def addresses(self) -> Mapping[str, str]:
        """Return the addresses of copies, blind copies and replies."""
        copies = {f"Cc[{position}]": address for position, address in enumerate(self.cc)}
        blind_copies = {f"Bcc[{position}]": address for position, address in enumerate(self.bcc)}
        reply_to = {} if self.reply_to is None else {"ReplyTo": self.reply_to}
        return copies | blind_copies | reply_to

    def summary(self) -> str:
        """Return subject and body."""
        return summary_text(subject=self.subject, body=self.body)
