"""Addresses that say which message an answer is to (variable envelope return paths, https://cr.yp.to/proto/verp.txt).

`bounces@example.com` becomes `bounces+<reference>.<code>@example.com` for one message. Who never saw the message cannot
write its address, since the code is a MAC; everybody who got it can.
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
"""80 bits of HMAC-SHA256: nobody tries them all over mail (RFC 2104 §5 allows the half of the hash)."""

_TAGGED: Final = re.compile(r"<?.*\+(?P<reference>[^+@.]+)\.(?P<code>[a-z2-7]{16})@[^@]+>?")


@dataclass(frozen=True, slots=True)
class Verp:
    """The return paths of one integration.

    Attributes:
        webhook_url: where its mail is posted; the last of its path, the integration's id, is within the code, so that
            a code says nothing to another integration with the same secret.
    """

    secret: SecretStr
    webhook_url: str

    def address(self, mailbox: Mailbox, reference: str) -> Mailbox:
        """The mailbox, for answers to one message."""
        local_part = f"{mailbox.local_part}+{reference}.{self._code(reference)}"
        return replace(mailbox, written=f"{local_part}@{mailbox.domain}", local_part=local_part)

    def reference(self, address: str) -> str | None:
        """The reference that an address bears, or None if its code is not ours.

        Letter case means nothing: some mail systems change it.
        """
        tagged = _TAGGED.fullmatch(address.strip().lower())
        if tagged is None:
            return None
        ours = hmac.compare_digest(self._code(tagged["reference"]).encode(), tagged["code"].encode())
        return tagged["reference"] if ours else None

    def _code(self, reference: str) -> str:
        """In lower-case letters and digits, since the case of an address may be lost."""
        integration_id = urlsplit(self.webhook_url).path.rpartition("/")[2]
        key = self.secret.get_secret_value().encode()
        digest = hmac.digest(key, f"{integration_id}\n{reference}".encode(), hashlib.sha256)
        return base64.b32encode(digest[:CODE_BYTES]).decode().lower()
