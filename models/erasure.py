"""Erasure of an interaction with its end user: only ids, statuses and dates stay, and nothing personal comes back.

Every step of the record is written through these expressions, so that no run writes personal data to an erased
interaction, however late.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from domain.identifiers import derived_id
from domain.payloads import summary_text
from domain.problems import Problem
from domain.status import Status

KEPT_IF_ERASED: Final = frozenset({"destinations", "due", "policy", "problems", "user_ids"})
"""Fields of a step that an erased interaction keeps unchanged."""

EMPTY_ENTRY: Final = {"notes": None}
"""Fields removed from the history entries of an erased interaction."""

EMPTY_DESTINATION: Final = {"value": "", "normal_form": ""}
"""Fields removed from a destination of an erased user."""

_EVENT_DESTINATION: Final = "$$one.event.destination"

EMPTY_EVENT: Final = {
    "event": {
        "$mergeObjects": [
            "$$one.event",
            {
                "key": "$$one.id",
                "reference": None,
                "provider_message_id": None,
                # Other users of the interaction may remain, whose delivery progress is still needed.
                "destination": {
                    "$cond": [
                        {
                            "$or": [
                                {"$in": [_EVENT_DESTINATION, "$destinations.value"]},
                                {"$in": [_EVENT_DESTINATION, "$destinations.normal_form"]},
                                {"$lte": [_EVENT_DESTINATION, None]},
                            ]
                        },
                        _EVENT_DESTINATION,
                        "",
                    ]
                },
                "detail": "",
            },
        ]
    }
}
"""Fields removed from the provider events of an erased interaction; an event's key may contain any of them."""

_IS_ERASED: Final = {"$ne": [{"$ifNull": ["$erased_at", None]}, None]}
_UNDER_WAY: Final = [Status.VALIDATION_PENDING.value, Status.DISPATCH_PENDING.value]


def if_erased(erased: object, else_: object) -> dict[str, Any]:
    """Expression with one value for an erased interaction and another for any other."""
    return {"$cond": [_IS_ERASED, erased, else_]}


def redacted(elements: object, redaction: object) -> dict[str, Any]:
    """The elements of a list without their personal data."""
    return {"$map": {"input": elements, "as": "one", "in": {"$mergeObjects": ["$$one", redaction]}}}


def redacted_if_erased(elements: object, redaction: object) -> dict[str, Any]:
    """The elements of a list, without their personal data if the interaction is erased."""
    return {"$let": {"vars": {"all": elements}, "in": if_erased(redacted("$$all", redaction), "$$all")}}


def erased_id(message_id: str) -> str:
    """Replacement for a provider's message id in an erased interaction, since some contain the telephone number."""
    return derived_id("erased", message_id)


def matching_message_id(message_id: str) -> dict[str, list[str]]:
    """Selector of the interactions with a provider's id, erased or not."""
    return {"$in": [message_id, erased_id(message_id)]}


def hashed(message_ids: Sequence[str], *, is_erased: bool) -> list[str]:
    """Expression for the provider's ids of a message once it is erased; already hashed ids are unchanged."""
    return list(message_ids) if is_erased else [erased_id(one) for one in message_ids]


def erasing(at: datetime, message_ids: Sequence[str], user_id: str) -> list[dict[str, Any]]:
    """The update that erases an interaction whose users are all erased."""
    problem = Problem(field="", code="erased").model_dump()
    refused: dict[str, Any] = {"$cond": [{"$eq": ["$problems", []]}, [], [problem]]}
    # A rejected one has no users.
    its: dict[str, Any] = {"$cond": [{"$eq": ["$user_ids", []]}, [user_id], "$user_ids"]}
    filled: dict[str, Any] = {"$mergeObjects": ["$template", {"variables": {"$literal": {}}}]}
    said: dict[str, Any] = {
        "attachments": [],
        "destinations": redacted("$destinations", EMPTY_DESTINATION),
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
    return [{"$set": said}, {"$set": _erasing_events(at, message_ids)}]


def erasing_one_of_several(at: datetime, message_ids: Sequence[str], user_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The update that erases one user, by all its ids, from an interaction with several users.

    Its contents stay for the others.
    """
    of_it = {"$cond": [{"$in": ["$$one.user_id", list(user_ids)]}, EMPTY_DESTINATION, {}]}
    said = {"destinations": redacted("$destinations", of_it)}
    return [{"$set": said}, {"$set": _erasing_events(at, message_ids)}]


def _erasing_events(at: datetime, message_ids: Sequence[str]) -> dict[str, Any]:
    return {
        # Pending work is still tracked; nothing else is awaited any more.
        "due": {"$cond": [{"$in": ["$status", _UNDER_WAY]}, "$due", None]},
        "erased_at": {"$ifNull": ["$erased_at", at]},
        "history": redacted("$history", EMPTY_ENTRY),
        "provider_events": redacted("$provider_events", EMPTY_EVENT),
        "provider_message_ids": {"$literal": list(message_ids)},
    }
