"""Dry run of the mail parser on a folder of mails, each read as an answer to a message of ours."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from domain.events import InboundMessage, ProviderEvent, WebhookItem
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.base import UnreadableError
from providers.smtp.inbound import read_mail
from providers.smtp.status_events import COMPLAINT


class Kind(StrEnum):
    """Classification of a mail; for a report on several recipients, the first that applies."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    COMPLAINT = "complaint"
    IGNORED = "ignored"
    """An automatic mail that reports no delivery: it is recorded and changes nothing."""
    REPLY = "reply"
    """A mail that a person wrote."""
    UNREADABLE = "unreadable"


RECOGNISED: Final = (Kind.FAILED, Kind.DELAYED, Kind.DELIVERED, Kind.COMPLAINT)
"""Kinds that report the outcome of a message."""

_KINDS: Final = {
    Milestone.FAILED: Kind.FAILED,
    Milestone.SENT: Kind.DELAYED,
    Milestone.DELIVERED: Kind.DELIVERED,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Classification of one mail.

    Attributes:
        path: of its file, below the folder.
        provider_status: the provider status of its first event; empty for a reply or an unreadable mail.
        failure: the class of its first failure.
    """

    path: str
    kind: Kind
    provider_status: str = ""
    failure: FailureClass | None = None


def read_folder(folder: Path) -> Iterator[Reading]:
    """Read each file of a folder and its subfolders as one mail, in the order of their names.

    Raises:
        OSError: if the folder or a file cannot be read.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield _read(str(path.relative_to(folder)), path.read_bytes())


def counts(readings: Iterable[Reading]) -> dict[str, int]:
    """Count the mails of each kind, and those that report the outcome of a message."""
    kinds = Counter(reading.kind for reading in readings)
    return {
        "mails": kinds.total(),
        "recognised": sum(kinds[kind] for kind in RECOGNISED),
        **{kind.value: kinds[kind] for kind in Kind},
    }


def failure_classes(readings: Iterable[Reading]) -> dict[str, int]:
    """Count the failures of each class."""
    classes = Counter(reading.failure for reading in readings if reading.failure is not None)
    return {failure.value: classes[failure] for failure in FailureClass}


def _read(path: str, raw: bytes) -> Reading:
    try:
        items = read_mail(raw, "reference", "<message@example.com>")
    except UnreadableError:
        return Reading(path, Kind.UNREADABLE)
    events = [one for one in items if isinstance(one, ProviderEvent)]
    kinds = {_kind(one) for one in items}
    return Reading(
        path,
        next(kind for kind in Kind if kind in kinds),
        events[0].provider_status if events else "",
        next((event.failure for event in events if event.failure is not None), None),
    )


def _kind(item: WebhookItem) -> Kind:
    if isinstance(item, InboundMessage):
        return Kind.REPLY
    if not isinstance(item, ProviderEvent):
        return Kind.UNREADABLE
    return Kind.COMPLAINT if item.provider_status == COMPLAINT else _KINDS.get(item.milestone, Kind.IGNORED)
