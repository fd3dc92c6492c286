"""What the `iris` command is as a client: it calls a running API, and shows people what it answers."""

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

import httpx2
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from settings import Settings

OUT: Final = Console(width=None if sys.stdout.isatty() else 200)  # what is piped on is not cut to a terminal
ERR: Final = Console(stderr=True)

ENDED: Final = {"VALIDATION_ERROR", "PROCESS_ERROR", "COMPLETED", "RECEIVED"}
"""The statuses at which `--watch` stops; a sending error stops it too, unless its outcome is unknown."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API is, how to call it, and what `iris up` says of its surroundings."""

    http: httpx2.Client
    integrations: Mapping[str, str]
    web_ui: str | None
    sandbox_url: str | None

    def workflow_link(self, interaction_id: str) -> str | None:
        """Where the interaction's workflow is seen in Temporal's Web UI."""
        return f"{self.web_ui}/workflows/interaction-{interaction_id}" if self.web_ui else None


def fail(message: str, code: int = 1) -> NoReturn:
    """End the program with a sentence about why."""
    ERR.print(f"[bold red]iris:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def connect(api_url: str | None, api_key: str | None, data_dir: Path) -> Connection:
    """The API that is named, else the one of the stack that runs in a directory; ends the program if there is none."""
    stack = _kept(data_dir / "stack.json")
    url, key = api_url or stack.get("api_url"), api_key or stack.get("api_key")
    if not url or not key:
        fail(f"no stack runs in {data_dir}: start one with `iris up`, or give --api-url and --api-key", 2)
    is_of_stack = url == stack.get("api_url")
    ui, namespace = stack.get("temporal_ui_url"), stack.get("temporal_namespace")
    return Connection(
        http=httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}", "Accept-Language": "en"},
            timeout=30,
            trust_env=False,
        ),
        integrations=stack.get("integrations", {}) if is_of_stack else {},
        web_ui=f"{ui}/namespaces/{namespace}" if ui else None,
        sandbox_url=stack.get("sandbox_url") if is_of_stack else None,
    )


def api_address(data_dir: Path) -> str | None:
    """Where the API of the stack is that runs in a directory, if one runs."""
    return _kept(data_dir / "stack.json").get("api_url")


def server_settings(data_dir: Path) -> "Settings":
    """The settings of a command that speaks to the servers themselves.

    They are the environment's; where that names no Temporal, those of the stack that runs in a directory.
    """
    from settings import Settings

    stack = _kept(data_dir / "stack.json")
    if not stack or os.environ.get("TEMPORAL_ADDRESS"):
        return Settings()
    of_stack = {
        **_kept(data_dir / "secrets.json"),
        "MONGODB_URI": stack["mongodb_uri"],
        "TEMPORAL_ADDRESS": stack["temporal_address"],
        "TEMPORAL_NAMESPACE": stack["temporal_namespace"],
    }
    return Settings.model_validate(
        {name.lower().removeprefix("iris_"): value for name, value in of_stack.items() if name not in os.environ}
    )


def _kept(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return {}


def call(
    connection: Connection,
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    content: Iterable[bytes] | None = None,
) -> dict[str, Any]:
    """The envelope that the API answers; ends the program with its words when it refuses.

    Args:
        connection: to the API.
        method: GET, POST…
        path: from `/`.
        body: what is sent as JSON.
        headers: besides the key.
        params: of the query; those that are None are left out.
        content: what is sent instead of JSON, as it is.
    """
    asked = None if params is None else {name: value for name, value in params.items() if value is not None}
    try:
        response = connection.http.request(method, path, json=body, headers=headers, params=asked, content=content)
        envelope: dict[str, Any] = response.json()
        status = envelope["status"]
    except (httpx2.HTTPError, ValueError, TypeError, KeyError) as error:
        fail(f"the API at {connection.http.base_url} does not answer: {error}")
    if not response.is_success:
        fail(_refusal(status, envelope))
    return envelope


def print_json(envelope: object) -> None:
    """Print exactly what was answered, for programs."""
    print(json.dumps(envelope, ensure_ascii=False, indent=2))  # noqa: T201 - for programs, not for people


def show_more(envelope: Mapping[str, Any]) -> None:
    """Say how the next page of a list is asked for, if there is one."""
    cursor = envelope["payload"].get("nextCursor")
    if cursor:
        OUT.print(f"more: --cursor {cursor}", highlight=False, soft_wrap=True)


def download(connection: Connection, path: str, target: Path) -> None:
    """Keep what the API answers in a file; ends the program with its words when it refuses."""
    try:
        with connection.http.stream("GET", path) as response:
            if not response.is_success:
                response.read()
                fail(_refusal(response.status_code, response.json()))
            with target.open("wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
    except (httpx2.HTTPError, ValueError, OSError) as error:
        fail(f"{path} cannot be kept in {target}: {error}")


def _refusal(status: int, envelope: dict[str, Any]) -> str:
    """What was refused and why, in words."""
    problems: list[dict[str, str]] = envelope.get("error") or []
    reasons = "\n".join(f"  {problem['field'] or '-'}: {problem['message']}" for problem in problems)
    kept = f"\n  interaction {envelope['payload']['id']}" if envelope.get("payload") else ""
    return f"{status} {envelope['title']}\n{reasons}{kept}"


def show_interaction(connection: Connection, interaction: dict[str, Any]) -> None:
    """Show where an interaction is, how it came there, and what its provider said in vain."""
    integration = interaction["integration"]
    to = ", ".join(destination["value"] for destination in interaction["destinations"])
    OUT.print(f"[bold]{interaction['id']}[/]  {interaction['status']}  {interaction['customStatus'] or ''}")
    OUT.print(
        f"{integration['integrationTypeName']} by {integration['integrationTypeProviderName']} "
        f"({integration['integrationName']}) to {to}, process {interaction['processId']}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    timeline = new_table("when", "status", "customStatus", "notes")
    for entry in interaction["auditTrail"]["history"]:
        timeline.add_row(entry["date"], entry["status"], entry["customStatus"] or "", entry["notes"] or "")
    OUT.print(timeline)
    unapplied = [event for event in interaction["auditTrail"]["providerEvents"] if not event["applied"]]
    if unapplied:
        heard = new_table("heard", "event", "not applied because")
        for event in unapplied:
            heard.add_row(event["date"], event["event"], event["reason"])
        OUT.print(heard)
    link = connection.workflow_link(interaction["id"])
    if link:
        OUT.print(f"Web UI: {link}", highlight=False, soft_wrap=True)


def new_table(*columns: str) -> Table:
    """A table whose last column alone gives way on a narrow terminal."""
    table = Table(box=None, pad_edge=False)
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    return table


def watch_interaction(connection: Connection, interaction_id: str) -> None:
    """Print each step as it comes, until the interaction ends."""
    link = connection.workflow_link(interaction_id)
    if link:
        OUT.print(f"Web UI: {link}", highlight=False, soft_wrap=True)
    seen = 0
    while True:
        interaction = call(connection, "GET", f"/v1/interactions/{quote(interaction_id)}")["payload"]
        history = interaction["auditTrail"]["history"]
        for entry in history[seen:]:
            words = (entry["date"], entry["status"], entry["customStatus"] or "", entry["notes"] or "")
            OUT.print("  ".join(words).rstrip(), highlight=False, markup=False, soft_wrap=True)
        seen = len(history)
        if _has_ended(interaction):
            return
        time.sleep(0.3)


def _has_ended(interaction: dict[str, Any]) -> bool:
    refused = interaction["status"] == "PROVIDER_SENDING_ERROR" and interaction["customStatus"] != "unknown"
    return refused or interaction["status"] in ENDED
