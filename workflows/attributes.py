"""By what an interaction is found in Temporal's Web UI. None holds personal data: attributes are never encrypted."""

from typing import Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from domain.status import Status

TENANT: Final = SearchAttributeKey.for_keyword("IrisTenant")
CHANNEL: Final = SearchAttributeKey.for_keyword("IrisChannel")
PROVIDER: Final = SearchAttributeKey.for_keyword("IrisProvider")
INTEGRATION: Final = SearchAttributeKey.for_keyword("IrisIntegration")
PROCESS: Final = SearchAttributeKey.for_keyword("IrisProcess")

INTERACTION: Final = SearchAttributeKey.for_keyword("IrisInteraction")
"""Of which interaction a notification tells."""

FAILURE: Final = SearchAttributeKey.for_keyword("IrisFailure")
"""The status of an interaction that somebody should look at; unset on all others (`docs/decisions/0005`)."""

NAMES: Final = tuple(key.name for key in (TENANT, CHANNEL, PROVIDER, INTEGRATION, PROCESS, INTERACTION, FAILURE))
"""What a namespace must know, each as a keyword, before a workflow can be started."""


def show_failure(status: Status | None) -> None:
    """Let the running workflow be found by its failure, or no longer."""
    update = FAILURE.value_unset() if status is None else FAILURE.value_set(status.value)
    workflow.upsert_search_attributes([update])  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
