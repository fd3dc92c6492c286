"""What is left of an interaction once its end user is erased: ids, statuses and dates; and that no more comes back.

Every step of the record is written through these expressions, so that whatever run writes it, and whenever, nothing
personal is written to an interaction that is erased.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from domain.identifiers import derived_id
from domain.payloads import summary_text
from domain.problems import Problem
from domain.status import Status

KEPT_ONCE_ERASED: Final = frozenset({"destinations", "due", "policy", "problems", "user_ids"})
"""Fields of the record's steps that stay in an erased interaction as they are."""

EMPTY_ENTRY: Final = {"notes": None}
"""What an entry of an erased interaction's history does not say."""

EMPTY_EVENT: Final = {
    "event": {
        "$mergeObjects": [
            "$$one.event",
            {"key": "$$one.id", "reference": None, "provider_message_id": None, "destination": None, "detail": ""},
        ]
    }
}
"""What an event that a provider told of an erased interaction does not say; its key may hold any of it."""

_IS_ERASED: Final = {"$ne": [{"$ifNull": ["$erased_at", None]}, None]}
_UNDER_WAY: Final = [Status.VALIDATION_PENDING.value, Status.DISPATCH_PENDING.value]


def once_erased(erased: object, else_: object) -> dict[str, Any]:
    """One expression of an erased interaction, another of any other."""
    return {"$cond": [_IS_ERASED, erased, else_]}


def emptied(elements: object, emptying: object) -> dict[str, Any]:
    """The elements of a list, each without what is personal."""
    return {"$map": {"input": elements, "as": "one", "in": {"$mergeObjects": ["$$one", emptying]}}}


def emptied_once_erased(elements: object, emptying: object) -> dict[str, Any]:
    """The elements of a list as they are, or in an erased interaction without what is personal."""
    return {"$let": {"vars": {"all": elements}, "in": once_erased(emptied("$$all", emptying), "$$all")}}


def erased_id(message_id: str) -> str:
    """What stands for a provider's id of a message in an erased interaction: some hold the telephone number."""
    return derived_id("erased", message_id)


def bearing(message_id: str) -> dict[str, list[str]]:
    """What selects the interactions with a provider's id, erased or not."""
    return {"$in": [message_id, erased_id(message_id)]}


def erasing(at: datetime, message_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The update that erases an interaction that was only with an erased user."""
    problem = Problem(field="", code="erased").model_dump()
    refused: dict[str, Any] = {"$cond": [{"$eq": ["$problems", []]}, [], [problem]]}
    return [
        {
            "$set": {
                **_erasing_news(at, message_ids),
                "destinations": emptied("$destinations", {"value": ""}),
                "fingerprint": "",
                "metadata": {"$literal": {}},
                "payload": {"$literal": {}},
                "primary_key": {"$literal": {}},
                "problems": refused,
                "summary": summary_text(),
                "words": [],
            }
        }
    ]


def erasing_one_of_several(at: datetime, message_ids: Sequence[str], user_id: str) -> list[dict[str, Any]]:
    """The update that erases one user from an interaction that was also with others: what was said stays theirs."""
    of_it = {"$cond": [{"$eq": ["$$one.user_id", user_id]}, {"value": ""}, {}]}
    return [{"$set": {**_erasing_news(at, message_ids), "destinations": emptied("$destinations", of_it)}}]


def _erasing_news(at: datetime, message_ids: Sequence[str]) -> dict[str, Any]:
    return {
        # What is under way is still followed; nothing else is awaited any more.
        "due": {"$cond": [{"$in": ["$status", _UNDER_WAY]}, "$due", None]},
        "erased_at": at,
        "history": emptied("$history", EMPTY_ENTRY),
        "provider_events": emptied("$provider_events", EMPTY_EVENT),
        "provider_message_ids": {"$literal": [erased_id(one) for one in message_ids]},
    }
