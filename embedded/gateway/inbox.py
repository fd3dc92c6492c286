"""The inbox: every message that an end user wrote, each owed to whoever it was written to until it is received."""

import json
import secrets
import sqlite3
from dataclasses import dataclass

from embedded.gateway.callbacks import Callback, CallbackState
from embedded.gateway.database import Database
from embedded.gateway.wire import InboundMessage, instant


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the inbox says of a message.

    Attributes:
        message: the inbox's own number of the message.
        id: its public id.
        is_new: whether it came for the first time.
        is_same: whether its content is that of the first message with its id.
    """

    message: int
    id: str
    is_new: bool
    is_same: bool


class Inbox:
    """What end users wrote; each message is one callback."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, account: str, message: InboundMessage, now: float) -> Arrival:
        """Write a message down at an instant in Unix seconds, unless its id was used before."""
        message_id = message.id or f"sbx_in_{secrets.token_hex(12)}"
        content = _content(message)
        database = self._database
        with database.transaction():
            query = "SELECT seq, content FROM inbound WHERE account = ? AND id = ?"
            known = database.rows(query, account, message_id)
            if not known:
                database.execute(
                    """INSERT INTO inbound (id, account, content, callback_url, taken_at, due_at)
                       VALUES (?, ?, ?, ?, ?, ?)""",
                    *(message_id, account, content, str(message.callback_url), now, now),
                )
            row = (known or database.rows(query, account, message_id))[0]
        return Arrival(row["seq"], message_id, is_new=not known, is_same=row["content"] == content)

    def pending(self) -> list[tuple[int, str]]:
        """The messages that are not told yet, each with its account."""
        rows = self._database.rows("SELECT seq, account FROM inbound WHERE state = 'pending'")
        return [(row["seq"], row["account"]) for row in rows]

    def next_callback(self, message: int) -> Callback | None:
        """What is owed of a message, if it is not told yet."""
        rows = self._database.rows("SELECT * FROM inbound WHERE seq = ? AND state = 'pending'", message)
        return _callback(rows[0]) if rows else None

    def settle(self, callback: Callback, state: CallbackState) -> None:
        """Note that a message was told for the last time."""
        self._database.execute(
            "UPDATE inbound SET state = ?, attempts = attempts + 1 WHERE seq = ?", state, callback.seq
        )

    def postpone(self, callback: Callback, due_at: float) -> None:
        """Note that a message was told in vain, and when it is due again."""
        self._database.execute(
            "UPDATE inbound SET due_at = ?, attempts = attempts + 1 WHERE seq = ?", due_at, callback.seq
        )


def _callback(row: sqlite3.Row) -> Callback:
    written = {"id": row["id"], **json.loads(row["content"]), "timestamp": instant(row["taken_at"])}
    return Callback(
        seq=row["seq"],
        account=row["account"],
        url=row["callback_url"],
        news={"inbound": written},
        happens_at=row["taken_at"],
        due_at=row["due_at"],
        attempts=row["attempts"],
    )


def _content(message: InboundMessage) -> str:
    """What makes two messages the same, written always in the same way."""
    content = message.model_dump(mode="json", by_alias=True, exclude={"id", "callback_url"}, exclude_none=True)
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
