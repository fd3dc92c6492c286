"""What a tenant's interactions wait for, on the wire."""

from typing import Final

from pydantic import Field, JsonValue

from queries.waiting import MAX_COUNTED, WaitingCount
from wire.answer import Answer, Instant


class OldestAnswer(Answer):
    """The oldest interaction that waits for something."""

    id: str
    created: Instant
    until: Instant = Field(description="When its workflow acts by itself.")


class WaitingItem(Answer):
    """The interactions that wait for the same."""

    waiting_for: str = Field(description="The same words as `waitsFor.awaited` of an explanation.")
    count: int | None = Field(description=f"How many, at most {MAX_COUNTED}; null if counting them takes too long.")
    is_more: bool = Field(description="Whether there may be more than `count`.")
    oldest: OldestAnswer | None

    @classmethod
    def of(cls, waiting: WaitingCount) -> "WaitingItem":
        """The count as the answer shows it."""
        oldest = waiting.oldest
        return cls(
            waiting_for=waiting.awaited,
            count=waiting.count,
            is_more=waiting.count is None or waiting.count >= MAX_COUNTED,
            oldest=OldestAnswer(id=oldest.id, created=oldest.created, until=oldest.until) if oldest else None,
        )


class WaitingAnswer(Answer):
    """What the tenant's interactions wait for; reasons for which none waits are left out."""

    items: list[WaitingItem]


WAITING_EXAMPLE: Final[dict[str, JsonValue]] = {
    "items": [
        {
            "waitingFor": "scheduled",
            "count": 12,
            "isMore": False,
            "oldest": {
                "id": "685bc5e5a3f1c2d4e5f60718",
                "created": "2026-06-25T09:48:21.246Z",
                "until": "2026-06-26T07:00:00.000Z",
            },
        }
    ]
}
