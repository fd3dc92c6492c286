"""Faults of Iris's own or of its operators, which never become a message's final failure."""

from enum import StrEnum


class FaultKind(StrEnum):
    """What a process cannot do through no fault of a provider, a tenant or a recipient."""

    CREDENTIALS = "credentials"
    INTEGRATION = "integration"
    PAYLOAD = "payload"
    ADAPTER = "adapter"
