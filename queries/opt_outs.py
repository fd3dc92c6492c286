"""What the record of an interaction says of recipients who take no more messages."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from domain.gate.consent import ConsentSource
from domain.interaction import HistoryEntry, RecordedEvent
from domain.notes import Note
from providers import PROVIDERS
from providers.opt_outs import OptOut


class OptOutReport(NamedTuple):
    """What a provider said of a message.

    Attributes:
        destination: the recipient that it names; None if it names none.
    """

    code: str
    provider_status: str
    detail: str
    destination: str | None
    at: datetime


def reports_in(history: Sequence[HistoryEntry], events: Sequence[RecordedEvent]) -> Iterator[OptOutReport]:
    """Return what a provider said of a message, in entries of its history and in its events."""
    for entry in history:
        if isinstance(entry.notes, Note) and entry.notes.code == "rejected":
            details = entry.notes.details
            yield OptOutReport(str(details["code"]), "", str(details["detail"]), None, entry.date)
    for received in events:
        event = received.event
        at = min(event.occurred_at or received.received_at, received.received_at)
        yield OptOutReport(event.code or "", event.provider_status, event.detail, event.destination, at)


def opt_out_of(provider: str, report: OptOutReport) -> OptOut | None:
    """Return what a report says of a recipient who takes no more messages; None if nothing."""
    return PROVIDERS[provider].opt_out_of(report.code, report.provider_status, report.detail)


def is_opted_out(provider: str, history: Sequence[HistoryEntry], events: Sequence[RecordedEvent]) -> bool:
    """Whether a provider said of a message that its recipient takes no more, which a bounce does not say."""
    said = [opt_out_of(provider, report) for report in reports_in(history, events)]
    return any(one is not None and one.source is not ConsentSource.BOUNCE for one in said)
