"""Variable envelope return paths: addresses that identify the answered message (https://cr.yp.to/proto/verp.txt).

`bounces@example.com` becomes `bounces+<reference>.<code>@example.com` for one message. The code is a MAC, so only
recipients of the message can write its address.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from providers.smtp.mailbox import Mailbox

CODE_BYTES: Final = 10
"""80 bits of HMAC-SHA256, too many to guess by mail (RFC 2104 §5 allows half of the hash)."""

_TAGGED: Final = re.compile(r"<?.*\+(?P<reference>[^+@.]+)\.(?P<code>[a-z2-7]{16})@[^@]+>?")


@dataclass(frozen=True, slots=True)
class Verp:
    """Return paths of one integration.

    Attributes:
        webhook_url: where its mail is posted; the code covers the last path segment, the integration's id, so that a
            code is
            not valid for another integration with the same secret.
    """

    secret: SecretStr
    webhook_url: str

    def address(self, mailbox: Mailbox, reference: str) -> Mailbox:
        """Return the mailbox for answers to one message."""
        local_part = f"{mailbox.local_part}+{reference}.{self._code(reference)}"
        return replace(mailbox, written=f"{local_part}@{mailbox.domain}", local_part=local_part)

    def reference(self, address: str) -> str | None:
        """Return the reference in an address; None if its code is not valid.

        Letter case is ignored: some mail systems change it.
        """
        tagged = _TAGGED.fullmatch(address.strip().lower())
        if tagged is None:
            return None
        ours = hmac.compare_digest(self._code(tagged["reference"]).encode(), tagged["code"].encode())
        return tagged["reference"] if ours else None

    def _code(self, reference: str) -> str:
        """Return the code in lower-case letters and digits, since the case of an address may be lost."""
        integration_id = urlsplit(self.webhook_url).path.rpartition("/")[2]
        key = self.secret.get_secret_value().encode()
        digest = hmac.digest(key, f"{integration_id}\n{reference}".encode(), hashlib.sha256)
        return base64.b32encode(digest[:CODE_BYTES]).decode().lower()
