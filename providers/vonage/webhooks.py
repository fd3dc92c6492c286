"""Vonage webhooks: statuses of outbound messages, and inbound messages.

https://developer.vonage.com/en/api/messages#message-status and #inbound-message
"""

from collections.abc import Sequence

from domain.events import WebhookItem
from providers.base import UnreadableError
from providers.lenient import read_document
from providers.vonage.inbound import read_message
from providers.vonage.status_events import read_status


def read_events(body: bytes) -> Sequence[WebhookItem]:
    """Parse a webhook: one status, one message, or nothing if its channel is not ours.

    Raises:
        UnreadableError: if the body is neither.
    """
    content = read_document(body)
    if not isinstance(content, dict):
        raise UnreadableError("not a JSON object")
    if "status" in content:
        return (read_status(content),)
    message = read_message(content)
    return () if message is None else (message,)
