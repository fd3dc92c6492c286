"""Parameters that ask a server for delivery reports (RFC 3461), if it supports them."""

import re
from collections.abc import Sequence
from typing import Final

from providers.smtp.mailbox import Mailbox

KEYWORD: Final = "dsn"
"""Extension of servers that accept these parameters; any other refuses the message because of them (RFC 3461 §4)."""

_ESCAPED: Final = re.compile(rb"[^!-~]|[+=]")


def mail_options(reference: str) -> Sequence[str]:
    """Return the parameters of MAIL: reports with the header only, and with our reference."""
    return ("RET=HDRS", f"ENVID={xtext(reference)}")


def recipient_options(mailbox: Mailbox, *, is_copy: bool) -> Sequence[str]:
    """Return the parameters of RCPT: all reports, and the recipient that they are about.

    Copies have none: their delivery does not affect the interaction.
    """
    if is_copy:
        return ("NOTIFY=NEVER",)
    # Addresses that are not ASCII have a type of their own (RFC 6533 §3), which fewer servers take.
    original = () if mailbox.is_international else (f"ORCPT=rfc822;{xtext(mailbox.address)}",)
    return ("NOTIFY=SUCCESS,FAILURE,DELAY", *original)


def xtext(text: str) -> str:
    """Encode a text in the characters that a parameter may have (RFC 3461 §4)."""
    return _ESCAPED.sub(lambda byte: f"+{ord(byte[0]):02X}".encode(), text.encode()).decode()
