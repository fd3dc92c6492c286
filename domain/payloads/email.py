"""What e-mail takes."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from domain.payloads.base import Payload, Text, Url, summary_text

HeaderText = Annotated[str, StringConstraints(max_length=998, pattern=r"^[^\r\n]*$")]
"""One line of a mail header (RFC 5322 §2.1.1: at most 998 characters), so that no header can be smuggled in."""


Copies = Annotated[list[str], Field(max_length=50)]


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

    def displayed_text(self) -> str:
        """The body."""
        return self.body

    def addresses(self) -> Mapping[str, str]:
        """Copies, blind copies, and where answers go."""
        copies = {f"Cc[{position}]": address for position, address in enumerate(self.cc)}
        blind_copies = {f"Bcc[{position}]": address for position, address in enumerate(self.bcc)}
        reply_to = {} if self.reply_to is None else {"ReplyTo": self.reply_to}
        return copies | blind_copies | reply_to

    def summary(self) -> str:
        """Subject and body."""
        return summary_text(subject=self.subject, body=self.body)
