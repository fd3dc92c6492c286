"""Tenant endpoint: a process that verifies each delivery and records it before it responds.

`python -m bench.faults.endpoint PORT SECRETS LEDGER`: the secrets by integration, as a JSON object; the ledger, to
which each call appends one line of JSON.
"""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from standardwebhooks import Webhook, WebhookVerificationError

_LOOPBACK: Final = "127.0.0.1"

UNKNOWN: Final = ""
"""Interaction id recorded for calls with an invalid signature."""


@dataclass(frozen=True, slots=True)
class ReceivedDelivery:
    """One delivery, as the endpoint received it.

    Attributes:
        webhook_id: message id, the same for repeated deliveries.
        integration_id: the integration whose URL was called.
        interaction_id: the interaction that it is about.
        event: its name.
        position: of the event's entry in the interaction's history.
        status, custom_status: of the interaction.
        created: time of the event, as delivered.
        digest: of the body.
        problem: why it is invalid, in which case nothing else is known; empty if valid.
    """

    webhook_id: str
    integration_id: str = ""
    interaction_id: str = UNKNOWN
    event: str = ""
    position: int = -1
    status: str = ""
    custom_status: str | None = None
    created: str = ""
    digest: str = ""
    problem: str = ""

    @property
    def thing(self) -> tuple[int, str, str, str | None]:
        """The delivered event."""
        return self.position, self.event, self.status, self.custom_status


def received(secrets: Mapping[str, str], path: str, headers: Mapping[str, str], body: bytes) -> ReceivedDelivery:
    """Parse a delivery, if its signature is valid under Standard Webhooks."""
    webhook_id, integration_id = headers.get("webhook-id", ""), path.strip("/")
    try:
        event: dict[str, Any] = Webhook(secrets[integration_id]).verify(body, dict(headers))
    except (KeyError, WebhookVerificationError) as error:
        return ReceivedDelivery(webhook_id, problem=f"{type(error).__name__}: {error}")
    interaction = event["Payload"]
    return ReceivedDelivery(
        webhook_id=webhook_id,
        integration_id=integration_id,
        interaction_id=interaction["id"],
        event=event["Event"],
        position=len(interaction["auditTrail"]["history"]) - 1,
        status=interaction["status"],
        custom_status=interaction["customStatus"],
        created=event["Created"],
        digest=hashlib.sha256(body).hexdigest(),
    )


def ledger(path: Path) -> list[ReceivedDelivery]:
    """Read every recorded delivery."""
    return [ReceivedDelivery(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int, secrets: Mapping[str, str], noted: int) -> None:
        super().__init__((_LOOPBACK, port), _Call)
        self.secrets = secrets
        self.noted = noted


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - the only one that makes it

    def do_GET(self) -> None:
        """Answer a health check."""
        self._answer(HTTPStatus.OK)

    def do_POST(self) -> None:
        """Accept a delivery."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # the connection was cut
            return
        lower = {name.lower(): value for name, value in self.headers.items()}
        delivery = received(self.server.secrets, self.path, lower, body)
        # One write, so that neither a concurrent call nor a kill can split it.
        os.write(self.server.noted, f"{json.dumps(asdict(delivery))}\n".encode())
        self._answer(HTTPStatus.BAD_REQUEST if delivery.problem else HTTPStatus.OK)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing, since the ledger has it."""

    def _answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main(port: str, secrets: str, noted: str) -> None:
    """Serve until the process is ended."""
    descriptor = os.open(noted, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    _Server(int(port), json.loads(Path(secrets).read_text()), descriptor).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
