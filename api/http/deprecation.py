"""Deprecated paths and the headers that announce their removal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Retirement:
    """Deprecation and removal dates of a path.

    Attributes:
        since: when the path was deprecated.
        until: when the path is removed, in UTC.
        successor: the replacement path.
    """

    since: datetime
    until: datetime
    successor: str

    def headers(self) -> Mapping[str, str]:
        """The response headers (RFC 9745 §2, RFC 8594 §3, RFC 5829 §3.3)."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": format_datetime(self.until, usegmt=True),
            "Link": f'<{self.successor}>; rel="successor-version"',
        }


RETIREMENTS: Final[Mapping[str, Retirement]] = {}
"""Retirements by path prefix, such as `/v1/`; none yet."""
