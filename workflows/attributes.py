"""By what an interaction is found in Temporal's Web UI. None holds personal data: attributes are never encrypted."""

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
"""Ids of the users that a message goes to or comes from, as they were when it was admitted (`docs/decisions/0035`)."""

INTERACTION: Final = SearchAttributeKey.for_keyword("IrisInteraction")
"""Of which interaction a notification tells."""

FAILURE: Final = SearchAttributeKey.for_keyword("IrisFailure")
"""The status of an interaction that somebody should look at; unset on all others (`docs/decisions/0005`)."""

KEYS: Final[Sequence[SearchAttributeKey[Any]]] = (
    TENANT,
    CHANNEL,
    PROVIDER,
    INTEGRATION,
    PROCESS,
    USERS,
    INTERACTION,
    FAILURE,
)
"""What a namespace must know before a workflow can be started."""


def show_failure(status: Status | None) -> None:
    """Let the running workflow be found by its failure, or no longer."""
    update = FAILURE.value_unset() if status is None else FAILURE.value_set(status.value)
    workflow.upsert_search_attributes([update])  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics


def show_users(user_ids: Sequence[str]) -> None:
    """Let the running workflow be found by its users; this costs an event only where it was started with others."""
    if user_ids and list(workflow.info().typed_search_attributes.get(USERS, ())) != list(user_ids):
        workflow.upsert_search_attributes([USERS.value_set(user_ids)])  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
