"""Faults of Iris or of its operators, which never become a message's final failure."""

from enum import StrEnum


class FaultKind(StrEnum):
    """Kind of failure that is not caused by a provider, a tenant or a recipient."""

    CREDENTIALS = "credentials"
    INTEGRATION = "integration"
    PAYLOAD = "payload"
    ADAPTER = "adapter"
