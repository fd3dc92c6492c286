"""Search attributes with which workflows start."""

from collections.abc import Sequence

from temporalio.common import SearchAttributePair, TypedSearchAttributes

from domain.interaction import IntegrationReference
from domain.strategy.reference import StrategyReference
from workflows import attributes


def attributes_of_interaction(
    tenant: str,
    integration: IntegrationReference,
    process_id: str,
    user_ids: Sequence[str],
    strategy: StrategyReference | None = None,
) -> TypedSearchAttributes:
    """Return the search attributes of an interaction's workflow; `strategy` is the step that it is, if it is one."""
    users = [SearchAttributePair(attributes.USERS, list(user_ids))] if user_ids else []
    run = [SearchAttributePair(attributes.RUN, strategy.run_id)] if strategy is not None else []
    return TypedSearchAttributes(
        [
            *users,
            *run,
            SearchAttributePair(attributes.TENANT, tenant),
            SearchAttributePair(attributes.CHANNEL, integration.channel.value),
            SearchAttributePair(attributes.PROVIDER, integration.provider),
            SearchAttributePair(attributes.INTEGRATION, integration.integration_id),
            SearchAttributePair(attributes.PROCESS, process_id),
        ]
    )


def attributes_of_run(tenant: str, run_id: str, user_ids: Sequence[str]) -> TypedSearchAttributes:
    """Return the search attributes of the workflow of a strategy's run."""
    users = [SearchAttributePair(attributes.USERS, list(user_ids))] if user_ids else []
    own = [SearchAttributePair(attributes.TENANT, tenant), SearchAttributePair(attributes.RUN, run_id)]
    return TypedSearchAttributes([*users, *own])
