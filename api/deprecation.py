"""Paths that will go away: what their answers say of it until then, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Retirement:
    """When a path is no longer to be used, and when it is gone.

    Attributes:
        since: since when there is something better.
        until: when it stops to answer, in UTC.
        successor: the path to use instead.
    """

    since: datetime
    until: datetime
    successor: str

    def headers(self) -> Mapping[str, str]:
        """What its answers say: RFC 9745 §2, RFC 8594 §3, RFC 5829 §3.3."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": format_datetime(self.until, usegmt=True),
            "Link": f'<{self.successor}>; rel="successor-version"',
        }


RETIRING: Final[Mapping[str, Retirement]] = {}
"""By how their paths begin, as `/v1/`; nothing is retired yet."""
