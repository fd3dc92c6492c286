"""API client of the `iris` command: it calls a running API, and shows its responses to people."""

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast
from urllib.parse import quote

import httpx2
import typer
from rich.markup import escape

from cli.terminal import DataTable, SafeConsole, one_line, safe_json
from embedded.data_directory import ephemeral_directories

if TYPE_CHECKING:
    from settings import Settings

OUT: Final = SafeConsole(width=None if sys.stdout.isatty() else 200)  # piped output is not cut to the terminal's width
ERR: Final = SafeConsole(stderr=True)

FAILED: Final = {"VALIDATION_ERROR", "PROCESS_ERROR", "PROVIDER_SENDING_ERROR"}
"""Statuses of a failed message; a sending error whose outcome is unknown may still be corrected."""

ENDED: Final = {*FAILED, "COMPLETED", "RECEIVED"}
"""Statuses at which `--watch` stops."""

_OPTIONS: Final = {
    "AutoCreateProcess": "--create-process",
    "AutoCreateUser": "--create-user",
    "attachmentsId": "--attach",
    "customStatus": "--custom-status",
    "force: true": "--force",
    "integrationId": "--integration",
    "isClosed": "--closed",
    "isDraft": "--draft",
    "payLoad": "--payload",
    "processId": "--process",
    "resendOf": "--resend-of",
    "userId": "--user",
}
"""CLI names of API fields, replaced within sentences too, since none is an English word."""

_ARGUMENTS: Final = {"Destinations": "TO", "destination": "--to"}
"""CLI names of API fields whose names are also English words."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Address and credentials of the API, and what `iris up` reports about its stack."""

    http: httpx2.Client
    integrations: Mapping[str, str]
    web_ui: str | None
    sandbox_url: str | None
    secrets_file: Path

    def workflow_link(self, interaction_id: str) -> str | None:
        """URL of the interaction's workflow in Temporal's Web UI."""
        return f"{self.web_ui}/workflows/interaction-{interaction_id}" if self.web_ui else None

    def where_to_look(self, explanation: Mapping[str, Any]) -> str | None:
        """Web UI page of an explained interaction, or a note that Temporal no longer has its workflow."""
        if self.web_ui is None:
            return None
        if explanation["workflow"]["state"] in {"expired", "lost"}:
            return "Web UI: Temporal keeps no history of it any more (retention); the record here is complete"
        return f"Web UI: {self.workflow_link(explanation['id'])}"


def fail(message: str, code: int = 1) -> NoReturn:
    """End the program with an error message."""
    ERR.print(f"[bold red]iris:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def connect(api_url: str | None, api_key: str | None, data_dir: Path) -> Connection:
    """Connect to the named API, or to that of the stack in a directory; end the program if there is none."""
    stack = running_stack(data_dir)
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
        secrets_file=stack.get("directory", data_dir) / "secrets.json",
    )


def api_address(data_dir: Path) -> str | None:
    """Address of the API of the stack that runs in a directory, if one runs."""
    return running_stack(data_dir).get("api_url")


def running_stack(data_dir: Path) -> dict[str, Any]:
    """Description of the stack in a directory, else of this user's only `--ephemeral` one; empty if none runs.

    The key `directory` is where its files are.
    """
    stack = _read_stack_file(data_dir / "stack.json")
    if stack:
        return {**stack, "directory": data_dir}
    running = [directory for directory in ephemeral_directories() if (directory / "stack.json").exists()]
    if len(running) > 1:
        fail(f"several ephemeral stacks run: name one with --data-dir, of {', '.join(map(str, running))}", 2)
    return {**_read_stack_file(running[0] / "stack.json"), "directory": running[0]} if running else {}


def server_settings(data_dir: Path) -> "Settings":
    """Settings of a command that connects to the servers directly.

    They come from the environment; if that names no Temporal server, from the stack that runs in a directory.
    """
    from settings import Settings

    stack = running_stack(data_dir)
    if not stack or os.environ.get("TEMPORAL_ADDRESS"):
        return Settings()
    servers = ("mongodb_uri", "temporal_address", "temporal_namespace")
    missing = [name for name in servers if name not in stack]
    if missing:
        fail(f"{stack['directory'] / 'stack.json'} says nothing of {', '.join(missing)}; `iris up` writes it anew", 2)
    of_stack = _read_stack_file(stack["directory"] / "secrets.json") | {name.upper(): stack[name] for name in servers}
    return Settings.model_validate(
        {name.lower().removeprefix("iris_"): value for name, value in of_stack.items() if name not in os.environ}
    )


def _read_stack_file(file: Path) -> dict[str, Any]:
    """Content of a stack's file, empty if the file is missing; ends the program if it cannot be read."""
    try:
        content: Any = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        fail(f"{file} cannot be read: {error}; `iris up` writes it anew", 2)
    if not isinstance(content, dict):
        fail(f"{file} is no JSON object; `iris up` writes it anew", 2)
    return cast("dict[str, Any]", content)


def integration_of(connection: Connection, channel: str, integration: str | None) -> str:
    """The named integration, else the demo's of a channel, else the only enabled one of the channel."""
    known = integration or connection.integrations.get(channel.lower())
    if known is not None:
        return known
    listed = call(connection, "GET", "/v1/integrations", params={"limit": 200})["payload"]["items"]
    able = [one for one in listed if one["channel"].lower() == channel.lower() and one["enabled"]]
    if len(able) == 1:
        return able[0]["id"]
    if not able:
        fail(f"no enabled integration has the channel {channel!r}: name one with --integration", 2)
    choices = ", ".join(f"{one['id']} ({one['name']})" for one in able)
    fail(f"several integrations have the channel {channel!r}: name one with --integration, of {choices}", 2)


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
    """Call the API and return its envelope; end the program with the error message if it refuses.

    Args:
        connection: to the API.
        method: GET, POST…
        path: starting with `/`.
        body: sent as JSON.
        headers: added to the API key.
        params: of the query; None values are omitted.
        content: raw body, sent instead of JSON.
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


def find(connection: Connection, path: str) -> dict[str, Any] | None:
    """Get a resource; return None for 404, and end the program on any other error."""
    try:
        response = connection.http.get(path)
    except httpx2.HTTPError as error:
        fail(f"the API at {connection.http.base_url} does not answer: {error}")
    return None if response.status_code == HTTPStatus.NOT_FOUND else call(connection, "GET", path)["payload"]


def print_json(envelope: object) -> None:
    """Print the response unchanged, for programs."""
    print(safe_json(envelope))  # noqa: T201 - for programs, not for people


def show_more(envelope: Mapping[str, Any]) -> None:
    """Print how to request the next page of a list, if there is one."""
    cursor = envelope["payload"].get("nextCursor")
    if cursor:
        OUT.print(f"more: --cursor {cursor}", highlight=False, soft_wrap=True)


def download(connection: Connection, path: str, target: Path) -> None:
    """Save the response in a file; end the program with the error message if the API refuses."""
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
    """Readable text of an error response."""
    problems: list[dict[str, str]] = envelope.get("error") or []
    reasons = "\n".join(f"  {_field(problem['field'])}: {_as_option(problem['message'])}" for problem in problems)
    stored = f"\n  interaction {envelope['payload']['id']}" if envelope.get("payload") else ""
    return f"{status} {envelope['title']}\n{reasons}{stored}"


def _field(field: str) -> str:
    """CLI name of an API field, with the position within: `TO[0]`, `--payload.Text`."""
    return _as_option(re.sub(r"^\w+", lambda name: _ARGUMENTS.get(name[0], name[0]), field)) or "-"


def _as_option(text: str) -> str:
    """Replace field names in an API text by the options that set them."""
    for field, option in _OPTIONS.items():
        text = re.sub(rf"\b{re.escape(field)}\b", option, text)
    return text


def show_interaction(connection: Connection, interaction: dict[str, Any]) -> None:
    """Print an interaction's status, history and provider errors."""
    integration = interaction["integration"]
    to = ", ".join(destination["value"] for destination in interaction["destinations"])
    status = escape(f"{interaction['status']}  {interaction['customStatus'] or ''}")
    OUT.print(f"[bold]{interaction['id']}[/]  {status}")
    OUT.print(
        f"{integration['integrationTypeName']} by {integration['integrationTypeProviderName']} "
        f"({integration['integrationName']}) to {to}, process {interaction['processId']}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    timeline = DataTable("when", "status", "customStatus", "notes")
    for entry in interaction["auditTrail"]["history"]:
        timeline.add_row(entry["date"], entry["status"], entry["customStatus"] or "", entry["notes"] or "")
    OUT.print(timeline)
    unapplied = [event for event in interaction["auditTrail"]["providerEvents"] if not event["applied"]]
    if unapplied:
        received = DataTable("received", "event", "not applied because")
        for event in unapplied:
            received.add_row(event["date"], event["event"], event["reason"])
        OUT.print(received)
    if connection.web_ui:
        explanation = call(connection, "GET", f"/v1/interactions/{quote(interaction['id'])}/explanation")["payload"]
        OUT.print(connection.where_to_look(explanation), highlight=False, markup=False, soft_wrap=True)


def watch_interaction(connection: Connection, interaction_id: str) -> None:
    """Print each step as it happens, until the interaction ends; exit with 1 if it failed."""
    link = connection.workflow_link(interaction_id)
    if link:
        OUT.print(f"Web UI: {link}", highlight=False, soft_wrap=True)
    seen = 0
    while True:
        interaction = call(connection, "GET", f"/v1/interactions/{quote(interaction_id)}")["payload"]
        history = interaction["auditTrail"]["history"]
        for entry in history[seen:]:
            words = (entry["date"], entry["status"], entry["customStatus"] or "", entry["notes"] or "")
            OUT.print(one_line("  ".join(words).rstrip()), highlight=False, markup=False, soft_wrap=True)
        seen = len(history)
        if _has_ended(interaction):
            if interaction["status"] in FAILED:
                raise typer.Exit(1)
            return
        time.sleep(0.3)


def _has_ended(interaction: dict[str, Any]) -> bool:
    is_unknown = interaction["status"] == "PROVIDER_SENDING_ERROR" and interaction["customStatus"] == "unknown"
    return interaction["status"] in ENDED and not is_unknown


def text_of(summary: str) -> str:
    """Readable text of a summary: its subject and body, else its other contents."""
    parts: dict[str, str | None] = json.loads(summary) if summary else {}
    texts = [part for part in (parts.get("subject"), parts.get("body")) if part]
    return " · ".join(texts) or parts.get("generic") or ""


def explanation_lines(seen: dict[str, Any]) -> list[str]:
    """Convert an explanation of the API to readable lines."""
    where = f"{seen['status']} {seen['customStatus'] or ''}".rstrip()
    lines = [f"{where}  since {seen['since']}", seen["explanation"]]
    if seen["reason"]:
        lines.append(f"its history says: {seen['reason']}")
    lines.append(f"its workflow: {seen['workflow']['state']}")
    attempt = seen["workflow"]["attempt"]
    if attempt:
        when = "under way" if attempt["isUnderWay"] else f"next try {attempt['nextTry'] or 'when there is a place'}"
        lines.append(f"attempt {attempt['number']}: {when}")
        if attempt["lastFailure"]:
            lines.append(f"the last one failed: {attempt['lastFailure']}")
    if seen["resendOf"]:
        lines.append(f"it repeats {seen['resendOf']}")
    return [*lines, *(f"it is repeated by {again}" for again in seen["resentAs"])]
