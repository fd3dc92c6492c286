"""Ledger of accepted messages, requests and pending callbacks; it is written before any response."""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from domain.channels import Channel
from embedded.gateway.callbacks import Callback, CallbackState
from embedded.gateway.database import Database
from embedded.gateway.recipients import Behaviour, behaviour_of
from embedded.gateway.wire import Submission, instant

UNREACHABLE: Final[Mapping[str, JsonValue]] = {
    "code": "recipient_unreachable",
    "message": "The recipient cannot be reached",
}
"""Error in every callback that reports a failure."""


class Verdict(StrEnum):
    """Verdict on a request; `REUSED` means a different message with a known reference."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    THROTTLED = "throttled"
    REFUSED = "refused"
    REUSED = "reused"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ledger's result for a request.

    Attributes:
        message: its number in the ledger.
        id: the public id of the message; None if it is not accepted.
        request_number: number of requests with this reference so far, this one included.
    """

    message: int
    id: str | None
    verdict: Verdict
    request_number: int


class RecallVerdict(StrEnum):
    """Verdict on a request to take a message back."""

    RECALLED = "recalled"
    DELIVERED = "delivered"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Recall:
    """The ledger's result for a request to take a message back."""

    message: int
    verdict: RecallVerdict


class Ledger:
    """Persistent state of the gateway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def receive(self, account: str, submission: Submission, behaviour: Behaviour, now: float, delay: float) -> Receipt:
        """Record a request; accept its message and schedule its callbacks, unless it is repeated or refused.

        Args:
            account: the sender's account.
            submission: the message.
            behaviour: of its recipients.
            now: in Unix seconds.
            delay: seconds between callbacks.
        """
        database = self._database
        with database.transaction():
            message, message_id, is_same = self._enter(account, submission)
            number = 1 + database.count("SELECT count(*) FROM requests WHERE message = ?", message)
            verdict = _verdict(behaviour, number, is_accepted=message_id is not None, is_same=is_same)
            database.execute(
                "INSERT INTO requests (message, verdict, received_at) VALUES (?, ?, ?)", message, verdict, now
            )
            if verdict is Verdict.ACCEPTED:
                message_id = f"sbx_{secrets.token_hex(12)}"
                database.execute("UPDATE messages SET id = ?, accepted_at = ? WHERE seq = ?", message_id, now, message)
                first_due_at = now + behaviour.first_callback_after * delay
                for place, status in enumerate(behaviour.statuses_on(submission.channel)):
                    self._schedule(message, place + 1, status, first_due_at + place * delay)
        return Receipt(message, message_id, verdict, number)

    def recall(self, account: str, message_id: str, now: float) -> Recall | None:
        """Take back a message, unless it is delivered; None if there is no such message.

        Its pending callbacks are abandoned, and one reports that it is taken back, or that it is delivered.
        """
        database = self._database
        with database.transaction():
            rows = database.rows("SELECT seq, content FROM messages WHERE account = ? AND id = ?", account, message_id)
            if not rows:
                return None
            message, content = rows[0]["seq"], json.loads(rows[0]["content"])
            if content["channel"] != Channel.RCS:
                return Recall(message, RecallVerdict.UNSUPPORTED)
            is_unseen = behaviour_of(content["to"]).is_delivered_unseen
            if not is_unseen and self._is_delivered(message, now):
                return Recall(message, RecallVerdict.DELIVERED)
            database.execute(
                "UPDATE callbacks SET state = 'abandoned' WHERE message = ? AND happens_at > ?", message, now
            )
            last = database.count("SELECT coalesce(max(sequence), 0) FROM callbacks WHERE message = ?", message)
            self._schedule(message, last + 1, "delivered" if is_unseen else "recalled", now)
        return Recall(message, RecallVerdict.DELIVERED if is_unseen else RecallVerdict.RECALLED)

    def _is_delivered(self, message: int, now: float) -> bool:
        query = (
            "SELECT count(*) FROM callbacks WHERE message = ? AND status IN ('delivered', 'read') AND happens_at <= ?"
        )
        return self._database.count(query, message, now) > 0

    def pending(self) -> list[tuple[int, str]]:
        """Messages with pending callbacks, each with its account."""
        rows = self._database.rows(
            "SELECT seq, account FROM messages WHERE seq IN (SELECT message FROM callbacks WHERE state = 'pending')"
        )
        return [(row["seq"], row["account"]) for row in rows]

    def next_callback(self, message: int) -> Callback | None:
        """The next pending callback of a message, if any."""
        rows = self._database.rows(
            """SELECT c.seq, m.account, m.callback_url AS url, m.id, m.reference, m.content,
                      c.sequence, c.status, c.happens_at, c.due_at, c.attempts
               FROM callbacks c JOIN messages m ON m.seq = c.message
               WHERE c.message = ? AND c.state = 'pending' ORDER BY c.due_at, c.seq LIMIT 1""",
            message,
        )
        return _callback(rows[0]) if rows else None

    def settle(self, callback: Callback, state: CallbackState) -> None:
        """Record the final attempt of a callback."""
        self._database.execute(
            "UPDATE callbacks SET state = ?, attempts = attempts + 1 WHERE seq = ?", state, callback.seq
        )

    def postpone(self, callback: Callback, due_at: float) -> None:
        """Record a failed attempt, and when the next is due."""
        self._database.execute(
            "UPDATE callbacks SET due_at = ?, attempts = attempts + 1 WHERE seq = ?", due_at, callback.seq
        )

    def _enter(self, account: str, submission: Submission) -> tuple[int, str | None, bool]:
        """The number and id of a reference's message, inserted if new, and whether its content is the same."""
        content = _content(submission)
        self._database.execute(
            """INSERT INTO messages (account, reference, content, callback_url) VALUES (?, ?, ?, ?)
               ON CONFLICT DO NOTHING""",
            *(account, submission.reference, content, str(submission.callback_url)),
        )
        query = "SELECT seq, id, content FROM messages WHERE account = ? AND reference = ?"
        row = self._database.rows(query, account, submission.reference)[0]
        return row["seq"], row["id"], row["content"] == content

    def _schedule(self, message: int, sequence: int, status: str, due_at: float) -> None:
        self._database.execute(
            "INSERT INTO callbacks (message, sequence, status, happens_at, due_at) VALUES (?, ?, ?, ?, ?)",
            *(message, sequence, status, due_at, due_at),
        )


def _verdict(behaviour: Behaviour, number: int, *, is_accepted: bool, is_same: bool) -> Verdict:
    if not is_same:
        return Verdict.REUSED
    if is_accepted:
        return Verdict.REPEATED
    if behaviour.refused:
        return Verdict.REFUSED
    return Verdict.THROTTLED if number <= behaviour.throttled_requests else Verdict.ACCEPTED


def _callback(row: sqlite3.Row) -> Callback:
    content = json.loads(row["content"])
    content: dict[str, JsonValue] = {
        "id": row["id"],
        "reference": row["reference"],
        "channel": content["channel"],
        "to": content["to"],
        "status": row["status"],
        "timestamp": instant(row["happens_at"]),
        "sequence": row["sequence"],
    }
    if row["status"] == "failed":
        content["error"] = {**UNREACHABLE}
    return Callback(
        seq=row["seq"],
        account=row["account"],
        url=row["url"],
        content=content,
        happens_at=row["happens_at"],
        due_at=row["due_at"],
        attempts=row["attempts"],
    )


def _content(submission: Submission) -> str:
    """Canonical form of a submission, by which two are compared."""
    content = submission.model_dump(mode="json", include={"channel", "to", "payload"})
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
