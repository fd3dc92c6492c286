"""Mailboxes: an address, optionally with its owner's name, formatted for SMTP and headers."""

import re
import unicodedata
from dataclasses import dataclass
from email.headerregistry import Address
from typing import Final

from email_validator import validate_email

_NAMED: Final = re.compile(r"""\s*+(?P<quote>"?)(?P<name>[^<>"]*+)(?P=quote)\s*+<(?P<address>[^<>]++)>\s*+""")

_MAX_LENGTH: Final = 998
"""Characters of a line (RFC 5322 §2.1.1); no mailbox needs more."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Mailbox.

    Attributes:
        written: the original text.
        domain: in ASCII, as every server understands it (IDNA, RFC 5891).
        name: for people; empty if there is none.
    """

    written: str
    local_part: str
    domain: str
    name: str

    @property
    def address(self) -> str:
        """Address for the envelope."""
        return f"{self.local_part}@{self.domain}"

    @property
    def is_international(self) -> bool:
        """Whether it requires a server with SMTPUTF8 (RFC 6531): a local part has no ASCII form."""
        return not self.local_part.isascii()

    def for_header(self) -> Address:
        """Format the mailbox as `email` does in a header, with the name quoted and encoded."""
        return Address(self.name, self.local_part, self.domain)


def read_mailbox(text: str) -> Mailbox:
    """Parse a mailbox: `iris@example.com`, or `Iris <iris@example.com>`.

    Raises:
        ValueError: if the text contains none, or more than one.
    """
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"it has more than {_MAX_LENGTH} characters")
    if not is_line_of_text(text) or "=?" in text:
        # `email` decodes whatever looks like an encoded word (RFC 2047), and a line break may come out of it.
        raise ValueError("it has control characters or encoded words")
    named = _NAMED.fullmatch(text)
    name, address = (named["name"], named["address"]) if named else ("", text)
    checked = validate_email(address.strip(), check_deliverability=False)
    return Mailbox(text, checked.local_part, checked.ascii_domain, name.strip())


def is_line_of_text(text: str) -> bool:
    """Whether a text has no control characters and no line breaks, including those of Unicode."""
    return not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)
