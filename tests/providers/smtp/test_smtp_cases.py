"""Cases of mail in `tests/providers/cases`: mail to a message's own address, and files that are messages."""

import base64
import email
import email.policy
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any

from domain.events import InboundMessage, ProviderEvent, WebhookItem
from tests.providers.cases import Case, every_case
from tests.providers.smtp.mail import answer, composed, mail, mail_receiver


def is_like(item: WebhookItem, expected: Mapping[str, Any]) -> bool:
    """Whether an item matches a case's expectation."""
    if isinstance(item, InboundMessage):
        payload: dict[str, Any] = dict(item.payload)
        files = payload["Attachments"]
        found: dict[str, Any] = {
            "event": "inbound",
            "body": payload["Body"],
            "subject": payload["Subject"],
            "attachments": len(files),
            "attachments_or_body": bool(files or payload["Body"]),
        }
    else:
        assert isinstance(item, ProviderEvent)
        found = {
            "event": "status",
            "milestone": item.milestone.name,
            "destination": item.destination,
            "failure": item.failure,
        }
    return found | dict(expected) == found


@every_case("mail", "smtp")
def test_mail_is_read_as_it_must_be(case: Case) -> None:
    items = mail_receiver().parse(answer(base64.b64decode(case.body)))
    events = case.expected.get("events")
    if events is None:
        assert not [one for one in items if isinstance(one, InboundMessage)]
    else:
        assert len(items) == len(events), items
        assert all(is_like(one, expected) for one, expected in zip(items, events, strict=True)), items


@every_case("send", "smtp")
def test_a_file_that_is_a_message_is_never_encoded_as_one_and_arrives_as_it_was(case: Case) -> None:
    (attachment,) = case.body["Attachments"]
    sent = composed(mail(attachments=[attachment])).content
    message = email.message_from_bytes(sent, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    (part,) = message.iter_attachments()
    content = base64.b64decode(attachment["Content"])
    if part.get_content_maintype() in {"message", "multipart"}:
        assert part["content-transfer-encoding"] in {"7bit", "8bit"}
        assert content in sent
    else:
        assert part.get_content() == content
