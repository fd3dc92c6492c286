"""The gateway's SQLite file.

Committed data survives `kill -9`. The event loop's own thread uses the only connection: a commit takes microseconds,
and transactions are serial without a lock.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

# NORMAL leaves syncing to the system: killing a process loses nothing; only a power cut may lose the last commits.
_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA busy_timeout = 5000;
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY,
    id TEXT UNIQUE,  -- null until the message is taken
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    content TEXT NOT NULL,
    callback_url TEXT NOT NULL,
    accepted_at REAL,
    UNIQUE (account, reference)
);
CREATE TABLE IF NOT EXISTS requests (
    seq INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages,
    verdict TEXT NOT NULL,
    received_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS requests_of_message ON requests (message);
CREATE TABLE IF NOT EXISTS callbacks (
    seq INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages,
    sequence INTEGER NOT NULL,
    status TEXT NOT NULL,
    happens_at REAL NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending'
);
CREATE INDEX IF NOT EXISTS callbacks_of_message ON callbacks (message);
CREATE INDEX IF NOT EXISTS pending_callbacks ON callbacks (message, due_at) WHERE state = 'pending';
CREATE TABLE IF NOT EXISTS inbound (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    content TEXT NOT NULL,
    callback_url TEXT NOT NULL,
    accepted_at REAL NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending',
    UNIQUE (account, id)
);
CREATE INDEX IF NOT EXISTS pending_inbound ON inbound (seq) WHERE state = 'pending';
"""

Value = str | float | None


class Database:
    """A database file, or an in-memory database for `:memory:`; stored instants are Unix seconds."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Run the block in a transaction."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def execute(self, statement: str, *values: Value) -> None:
        """Execute a statement."""
        self._connection.execute(statement, values)

    def rows(self, query: str, *values: Value) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(query, values).fetchall()

    def count(self, query: str, *values: Value) -> int:
        """The number that a query returns."""
        return self.rows(query, *values)[0][0]
