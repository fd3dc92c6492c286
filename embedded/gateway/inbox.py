"""Inbox: messages that end users wrote, each with a callback that is attempted until it is received."""

import json
import secrets
import sqlite3
from dataclasses import dataclass

from embedded.gateway.callbacks import Callback, CallbackState
from embedded.gateway.database import Database
from embedded.gateway.wire import InboundMessage, instant


@dataclass(frozen=True, slots=True)
class Arrival:
    """Result of adding a message.

    Attributes:
        message: its number in the inbox.
        id: its public id.
        is_new: whether its id is new.
        is_same: whether its content equals that of the first message with its id.
    """

    message: int
    id: str
    is_new: bool
    is_same: bool


class Inbox:
    """Messages of end users; each message is one callback."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, account: str, message: InboundMessage, now: float) -> Arrival:
        """Store a message at an instant in Unix seconds, unless its id exists."""
        message_id = message.id or f"sbx_in_{secrets.token_hex(12)}"
        content = _content(message)
        database = self._database
        with database.transaction():
            query = "SELECT seq, content FROM inbound WHERE account = ? AND id = ?"
            known = database.rows(query, account, message_id)
            if not known:
                database.execute(
                    """INSERT INTO inbound (id, account, content, callback_url, accepted_at, due_at)
                       VALUES (?, ?, ?, ?, ?, ?)""",
                    *(message_id, account, content, str(message.callback_url), now, now),
                )
            row = (known or database.rows(query, account, message_id))[0]
        return Arrival(row["seq"], message_id, is_new=not known, is_same=row["content"] == content)

    def pending(self) -> list[tuple[int, str]]:
        """Messages with a pending callback, each with its account."""
        rows = self._database.rows("SELECT seq, account FROM inbound WHERE state = 'pending'")
        return [(row["seq"], row["account"]) for row in rows]

    def next_callback(self, message: int) -> Callback | None:
        """The pending callback of a message, if any."""
        rows = self._database.rows("SELECT * FROM inbound WHERE seq = ? AND state = 'pending'", message)
        return _callback(rows[0]) if rows else None

    def settle(self, callback: Callback, state: CallbackState) -> None:
        """Record the final attempt of a callback."""
        self._database.execute(
            "UPDATE inbound SET state = ?, attempts = attempts + 1 WHERE seq = ?", state, callback.seq
        )

    def postpone(self, callback: Callback, due_at: float) -> None:
        """Record a failed attempt, and when the next is due."""
        self._database.execute(
            "UPDATE inbound SET due_at = ?, attempts = attempts + 1 WHERE seq = ?", due_at, callback.seq
        )


def _callback(row: sqlite3.Row) -> Callback:
    written = {"id": row["id"], **json.loads(row["content"]), "timestamp": instant(row["accepted_at"])}
    return Callback(
        seq=row["seq"],
        account=row["account"],
        url=row["callback_url"],
        content={"inbound": written},
        happens_at=row["accepted_at"],
        due_at=row["due_at"],
        attempts=row["attempts"],
    )


def _content(message: InboundMessage) -> str:
    """Canonical form of a message, by which two are compared."""
    content = message.model_dump(mode="json", by_alias=True, exclude={"id", "callback_url"}, exclude_none=True)
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
