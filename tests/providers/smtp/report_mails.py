"""Mail that answers ours: delivery reports as servers write them, posted as a tenant's mail system does."""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from providers.base import Webhook

SECRET: Final = "made up bounce secret"
BOUNCES: Final = "bounces@example.com"
RECORDED: Final = Path(__file__).parents[1] / "recorded" / "smtp"


def code(integration_id: str, reference: str, secret: str = SECRET) -> str:
    """Code of an address, as `docs/providers/smtp.md` describes it."""
    digest = hmac.new(secret.encode(), f"{integration_id}\n{reference}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:10]).decode().lower()


def signature(recipient: str, body: bytes, secret: str = SECRET) -> str:
    """Signature of a posted mail, as `docs/providers/smtp.md` describes it."""
    return hmac.new(secret.encode(), f"{recipient}\n".encode() + body, hashlib.sha256).hexdigest()


def posted(body: bytes, recipient: str, url: str) -> Webhook:
    """Posted mail without a signature."""
    headers = {"content-type": "message/rfc822", "x-iris-recipient": recipient}
    return Webhook(url, headers, body, datetime.now(UTC))


def signed(webhook: Webhook, secret: str = SECRET) -> Webhook:
    """Posted mail with its signature."""
    own = signature(webhook.headers["x-iris-recipient"], webhook.body, secret)
    return replace(webhook, headers={**webhook.headers, "x-iris-signature": own})


def report(  # noqa: PLR0913 - each is one thing that a report says
    to: str, recipient: str, action: str, status: str, *, diagnostic: str = "", mail_id: str = "<1@mx>"
) -> bytes:
    """Delivery report on one recipient (RFC 3464)."""
    return f"""\
Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.example.net>
Auto-Submitted: auto-replied
To: {to}
Subject: Delivery Status Notification
Date: Tue, 21 Jul 2026 10:30:00 +0200
Message-ID: {mail_id}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_1"

--=_1
Content-Type: text/plain; charset=us-ascii

This is an automatically generated Delivery Status Notification.

--=_1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Tue, 21 Jul 2026 10:29:00 +0200

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {diagnostic}

--=_1
Content-Type: text/rfc822-headers

Subject: Hola

--=_1--
""".replace("\n", "\r\n").encode()
