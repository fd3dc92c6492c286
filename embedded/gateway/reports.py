"""Reports from the ledger, limited to each account's own messages."""

import json
import sqlite3
from collections.abc import Sequence

from pydantic import JsonValue

from embedded.gateway.callbacks import CallbackState
from embedded.gateway.database import Database

Report = dict[str, JsonValue]


class Reports:
    """Reads the ledger; pages are in the order of arrival, and `next` is the `after` of the following page."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def message(self, account: str, message_id: str) -> Report | None:
        """One accepted message."""
        rows = self._database.rows("SELECT * FROM messages WHERE account = ? AND id = ?", account, message_id)
        return self._message(rows[0]) if rows else None

    def inbound(self, account: str, message_id: str) -> Report | None:
        """One message that an end user wrote."""
        rows = self._database.rows("SELECT * FROM inbound WHERE account = ? AND id = ?", account, message_id)
        if not rows:
            return None
        row = rows[0]
        return {
            "id": row["id"],
            **json.loads(row["content"]),
            "acceptedAt": row["accepted_at"],
            "callback": {"state": row["state"], "attempts": row["attempts"]},
        }

    def messages(self, account: str, reference: str | None, after: int, limit: int) -> Report:
        """A page of the accepted messages."""
        rows = self._database.rows(
            """SELECT * FROM messages WHERE account = ? AND id IS NOT NULL AND (? IS NULL OR reference = ?)
               AND seq > ? ORDER BY seq LIMIT ?""",
            *(account, reference, reference, after, limit),
        )
        return {"messages": [self._message(row) for row in rows], "next": _next(rows, limit)}

    def ledger(self, account: str, reference: str | None, after: int, limit: int) -> Report:
        """A page of references, accepted or not, with the verdict on each of their requests; and totals."""
        rows = self._database.rows(
            """SELECT seq, id, reference FROM messages WHERE account = ? AND (? IS NULL OR reference = ?)
               AND seq > ? ORDER BY seq LIMIT ?""",
            *(account, reference, reference, after, limit),
        )
        return {
            "totals": self._totals(account),
            "entries": [self._entry(row) for row in rows],
            "next": _next(rows, limit),
        }

    def _message(self, row: sqlite3.Row) -> Report:
        query = "SELECT sequence, status, state, attempts FROM callbacks WHERE message = ? ORDER BY seq"
        callbacks = self._database.rows(query, row["seq"])
        delivered = [callback["status"] for callback in callbacks if callback["state"] == CallbackState.DELIVERED]
        return {
            "id": row["id"],
            "reference": row["reference"],
            "status": delivered[-1] if delivered else "queued",
            **json.loads(row["content"]),
            "acceptedAt": row["accepted_at"],
            "requests": self._database.count("SELECT count(*) FROM requests WHERE message = ?", row["seq"]),
            "callbacks": [dict(callback) for callback in callbacks],
        }

    def _entry(self, row: sqlite3.Row) -> Report:
        query = "SELECT verdict, received_at FROM requests WHERE message = ? ORDER BY seq"
        requests = self._database.rows(query, row["seq"])
        return {
            "reference": row["reference"],
            "id": row["id"],
            "requests": len(requests),
            "verdicts": [request["verdict"] for request in requests],
            "receivedAt": [request["received_at"] for request in requests],
        }

    def _totals(self, account: str) -> Report:
        count = self._database.count
        states = self._database.rows(
            """SELECT state, count(*) AS number FROM callbacks JOIN messages ON messages.seq = callbacks.message
               WHERE account = ? GROUP BY state""",
            account,
        )
        numbers = {row["state"]: row["number"] for row in states}
        return {
            "messages": count("SELECT count(id) FROM messages WHERE account = ?", account),
            "requests": count(
                "SELECT count(*) FROM requests JOIN messages ON messages.seq = requests.message WHERE account = ?",
                account,
            ),
            "callbacks": {state: numbers.get(state, 0) for state in CallbackState},
        }


def _next(rows: Sequence[sqlite3.Row], limit: int) -> int | None:
    return rows[-1]["seq"] if len(rows) == limit else None
