"""Keyset cursor of a list, which is stable under concurrent writes."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter

from domain.errors import InvalidRequestError
from domain.problems import Problem

_CONTENT: Final = TypeAdapter(tuple[float, str])


class Cursor(NamedTuple):
    """Position of an item in a list sorted by date and id."""

    date: datetime
    id: str

    def encode(self) -> str:
        """Return the cursor as opaque text."""
        text = json.dumps([self.date.timestamp(), self.id])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Parse a cursor.

        Raises:
            InvalidRequestError: if it is invalid.
        """
        try:
            content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            seconds, item_id = _CONTENT.validate_json(content)
            return cls(datetime.fromtimestamp(seconds, UTC), item_id)
        except (binascii.Error, ValueError, OverflowError, OSError) as error:
            raise InvalidRequestError([Problem(field="cursor", code="bad_cursor")]) from error

    def after(self, date_field: str, *, oldest_first: bool = False) -> dict[str, Any]:
        """Selector of the items after this one: an index range on the date, less earlier items of the same instant."""
        range_, seen = ("$gte", "$lte") if oldest_first else ("$lte", "$gte")
        return {date_field: {range_: self.date}, "$nor": [{date_field: self.date, "_id": {seen: self.id}}]}

    def up_to(self, date_field: str) -> dict[str, Any]:
        """Selector of the items up to this one, included, in a list sorted newest first."""
        before = {date_field: self.date, "_id": {"$lt": self.id}}
        return {date_field: {"$gte": self.date}, "$nor": [before]}
