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

EMPTY_DESTINATION: Final = {"value": "", "normal_form": ""}
"""What a destination of an erased user does not say."""

_TOLD_OF: Final = "$$one.event.destination"

EMPTY_EVENT: Final = {
    "event": {
        "$mergeObjects": [
            "$$one.event",
            {
                "key": "$$one.id",
                "reference": None,
                "provider_message_id": None,
                # Of several users others may be left, of whom it is still known how far the message has come to them.
                "destination": {
                    "$cond": [
                        {
                            "$or": [
                                {"$in": [_TOLD_OF, "$destinations.value"]},
                                {"$in": [_TOLD_OF, "$destinations.normal_form"]},
                                {"$lte": [_TOLD_OF, None]},
                            ]
                        },
                        _TOLD_OF,
                        "",
                    ]
                },
                "detail": "",
            },
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


def hashed(message_ids: Sequence[str], *, is_erased: bool) -> list[str]:
    """The provider's ids of an interaction's message as they stand once it is erased; of one that is, as they are."""
    return list(message_ids) if is_erased else [erased_id(one) for one in message_ids]


def erasing(at: datetime, message_ids: Sequence[str], user_id: str) -> list[dict[str, Any]]:
    """The update that erases an interaction that was with an erased user, and with nobody else who still is."""
    problem = Problem(field="", code="erased").model_dump()
    refused: dict[str, Any] = {"$cond": [{"$eq": ["$problems", []]}, [], [problem]]}
    # One that was refused named nobody.
    its: dict[str, Any] = {"$cond": [{"$eq": ["$user_ids", []]}, [user_id], "$user_ids"]}
    filled: dict[str, Any] = {"$mergeObjects": ["$template", {"variables": {"$literal": {}}}]}
    said: dict[str, Any] = {
        "attachments": [],
        "destinations": emptied("$destinations", EMPTY_DESTINATION),
        "fingerprint": "",
        "metadata": {"$literal": {}},
        "metadata_keys": [],
        "payload": {"$literal": {}},
        "primary_key": {"$literal": {}},
        "primary_key_keys": [],
        "problems": refused,
        "summary": summary_text(),
        "template": {"$cond": [{"$gt": ["$template", None]}, filled, None]},
        "user_ids": its,
        "words": [],
    }
    return [{"$set": said}, {"$set": _erasing_news(at, message_ids)}]


def erasing_one_of_several(at: datetime, message_ids: Sequence[str], user_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The update that erases one user, by all its ids, from an interaction that is also with others.

    What was said stays theirs.
    """
    of_it = {"$cond": [{"$in": ["$$one.user_id", list(user_ids)]}, EMPTY_DESTINATION, {}]}
    said = {"destinations": emptied("$destinations", of_it)}
    return [{"$set": said}, {"$set": _erasing_news(at, message_ids)}]


def _erasing_news(at: datetime, message_ids: Sequence[str]) -> dict[str, Any]:
    return {
        # What is under way is still followed; nothing else is awaited any more.
        "due": {"$cond": [{"$in": ["$status", _UNDER_WAY]}, "$due", None]},
        "erased_at": {"$ifNull": ["$erased_at", at]},
        "history": emptied("$history", EMPTY_ENTRY),
        "provider_events": emptied("$provider_events", EMPTY_EVENT),
        "provider_message_ids": {"$literal": list(message_ids)},
    }
