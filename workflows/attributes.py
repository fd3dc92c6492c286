"""Search attributes of Temporal's Web UI. They hold no personal data, because they are never encrypted."""

from collections.abc import Sequence
from typing import Any, Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from domain.status import Status

TENANT: Final = SearchAttributeKey.for_keyword("IrisTenant")
CHANNEL: Final = SearchAttributeKey.for_keyword("IrisChannel")
PROVIDER: Final = SearchAttributeKey.for_keyword("IrisProvider")
INTEGRATION: Final = SearchAttributeKey.for_keyword("IrisIntegration")
PROCESS: Final = SearchAttributeKey.for_keyword("IrisProcess")

USERS: Final = SearchAttributeKey.for_keyword_list("IrisUser")
"""Ids of the users that send or receive a message, as they were when it was admitted (`docs/decisions/0035`)."""

INTERACTION: Final = SearchAttributeKey.for_keyword("IrisInteraction")
"""Id of the interaction that a notification is about."""

RUN: Final = SearchAttributeKey.for_keyword("IrisStrategyRun")
"""Id of the run of a strategy, on its own workflow and on those of its steps' interactions."""

FAILURE: Final = SearchAttributeKey.for_keyword("IrisFailure")
"""Status of an interaction that needs attention; unset on all others (`docs/decisions/0005`)."""

KEYS: Final[Sequence[SearchAttributeKey[Any]]] = (
    TENANT,
    CHANNEL,
    PROVIDER,
    INTEGRATION,
    PROCESS,
    USERS,
    INTERACTION,
    RUN,
    FAILURE,
)
"""Search attributes that a namespace must have before a workflow can be started."""


def show_failure(status: Status | None) -> None:
    """Set the failure by which the running workflow is found; None unsets it."""
    update = FAILURE.value_unset() if status is None else FAILURE.value_set(status.value)
    workflow.upsert_search_attributes([update])  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics


def show_users(user_ids: Sequence[str]) -> None:
    """Set the users by which the running workflow is found; it costs an event only if they differ from the current."""
    if user_ids and list(workflow.info().typed_search_attributes.get(USERS, ())) != list(user_ids):
        workflow.upsert_search_attributes([USERS.value_set(user_ids)])  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
