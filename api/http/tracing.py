"""W3C Trace Context: logs have the caller's trace id, and answers have our span of it.

https://www.w3.org/TR/trace-context/#traceparent-header, https://w3c.github.io/trace-context/#traceresponse-header
"""

import re
import secrets
from dataclasses import dataclass
from typing import Final

TRACEPARENT: Final = "traceparent"
TRACERESPONSE: Final = "traceresponse"

_FORM: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})(-[!-~]*)?"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """A caller's trace with our span.

    Attributes:
        trace_id: the caller's, 32 hexadecimal digits.
        answer: the `traceresponse` header.
    """

    trace_id: str
    answer: str

    @classmethod
    def of(cls, traceparent: str) -> "Trace | None":
        """Parse a `traceparent` header; None if it is invalid."""
        found = _FORM.fullmatch(traceparent)
        if found is None:
            return None
        trace_id = found["trace"]
        return cls(trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-{found['flags']}")
