"""`iris integrations`: the channels and providers through which messages are sent."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, cast
from urllib.parse import quote

import typer

from cli.client import OUT, Connection, call, fail, print_json, show_more
from cli.options import AsJson, Connect, Limit, PageCursor, connected
from cli.terminal import DataTable
from cli.users import pairs

integrations = typer.Typer(help="Integrations: a provider's account on a channel.", no_args_is_help=True)

IntegrationId = Annotated[str, typer.Argument(metavar="ID", help="The integration's id.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting that may be seen; may be repeated.")
]
Credential = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=SOURCE]",
        help="A setting that may not be seen: asked for, or read from @FILE or env:VARIABLE; may be repeated.",
    ),
]
File = Annotated[
    Path | None,
    typer.Option(help="The API's JSON body; - for standard input. Options override it."),
]
Throttle = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help='Rates that messages keep to, such as {"rate": 1, "unit": "segment"}; {} for those that the provider '
        "documents, null for none.",
    ),
]
_SOURCES: Final = "NAME (which is then asked for), NAME=@FILE or NAME=env:VARIABLE"


@integrations.command("types")
@connected
def list_types(
    connect: Connect,
    provider: Annotated[str | None, typer.Option(help="Show the settings of this provider.")] = None,
    as_json: AsJson = False,
) -> None:
    """List channels and providers with the settings that each provider needs."""
    envelope = call(connect(), "GET", "/v1/integration-types")
    if as_json:
        print_json(envelope)
    elif provider is not None:
        _show_settings(_type(envelope["payload"], provider))
    else:
        table = DataTable("channel", "provider", "payload types")
        for channel in envelope["payload"]["items"]:
            for one in channel["providers"]:
                table.add_row(channel["name"], one["name"], ", ".join(one["capabilities"]["payloadTypes"]))
        OUT.print(table)


@integrations.command("list")
@connected
def list_integrations(
    connect: Connect,
    channel: Annotated[str | None, typer.Option("--channel", "-c", help="Filter by channel.")] = None,
    provider: Annotated[str | None, typer.Option(help="Filter by provider.")] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enabled/--disabled", help="Filter by whether it is enabled.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Filter by exact name.")] = None,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List integrations, the newest first."""
    params = {
        "channel": channel,
        "provider": provider,
        "enabled": enabled,
        "name": name,
        "limit": limit,
        "cursor": cursor,
    }
    envelope = call(connect(), "GET", "/v1/integrations", params=params)
    if as_json:
        print_json(envelope)
        return
    table = DataTable("id", "channel", "provider", "enabled", "name")
    for one in envelope["payload"]["items"]:
        table.add_row(one["id"], one["channel"], one["provider"], "yes" if one["enabled"] else "no", one["name"])
    OUT.print(table)
    show_more(envelope)


@integrations.command()
@connected
def show(
    connect: Connect,
    integration_id: IntegrationId,
    as_json: AsJson = False,
) -> None:
    """Show an integration, and which of its credentials are set."""
    _show(call(connect(), "GET", _path(integration_id)), as_json=as_json)


@integrations.command()
@connected
def create(
    connect: Connect,
    name: Annotated[str, typer.Argument(help="Your own name for it.")],
    channel: Annotated[
        str | None, typer.Option("--channel", "-c", help="A channel of `iris integrations types`.")
    ] = None,
    provider: Annotated[str | None, typer.Option(help="A provider of that channel.")] = None,
    setting: Set = None,
    credential: Credential = None,
    throttle: Throttle = None,
    file: File = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Create it disabled.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create an integration; secrets are never written on the command line."""
    connection = connect()
    given = {**_read(file), **_throttle(throttle)}
    chosen = {"channel": channel, "provider": provider, "enabled": False if disabled else None}
    body = {**given, "name": name, **{key: value for key, value in chosen.items() if value is not None}}
    settings = _settings(connection, str(body.get("provider", "")), setting, credential)
    _show(call(connection, "POST", "/v1/integrations", _over(body, settings)), as_json=as_json)


@integrations.command()
@connected
def update(
    connect: Connect,
    integration_id: IntegrationId,
    name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    setting: Set = None,
    credential: Credential = None,
    unset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A setting to take away; may be repeated.")
    ] = None,
    throttle: Throttle = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Change an integration; other settings stay as they are."""
    connection = connect()
    body = {**_read(file), **_throttle(throttle), **({"name": name} if name is not None else {})}
    if setting or credential or unset:
        provider = call(connection, "GET", _path(integration_id))["payload"]["provider"]
        body = _over(body, _settings(connection, provider, setting, credential, unset or ()))
    _show(call(connection, "PATCH", _path(integration_id), body), as_json=as_json)


@integrations.command()
@connected
def enable(
    connect: Connect,
    integration_id: IntegrationId,
    as_json: AsJson = False,
) -> None:
    """Enable a disabled integration."""
    connection = connect()
    _show(call(connection, "PATCH", _path(integration_id), {"enabled": True}), as_json=as_json)


@integrations.command()
@connected
def disable(
    connect: Connect,
    integration_id: IntegrationId,
    as_json: AsJson = False,
) -> None:
    """Send nothing through an integration for now."""
    connection = connect()
    _show(call(connection, "PATCH", _path(integration_id), {"enabled": False}), as_json=as_json)


@integrations.command()
@connected
def delete(
    connect: Connect,
    integration_id: IntegrationId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send nothing through an integration any more; receipts that still come are taken for 30 days."""
    if not yes:
        typer.confirm(f"Delete integration {integration_id}?", abort=True)
    _show(call(connect(), "DELETE", _path(integration_id)), as_json=as_json)


@integrations.command("test")
@connected
def check(
    connect: Connect,
    integration_id: IntegrationId,
    as_json: AsJson = False,
) -> None:
    """Ask the provider whether the credentials are good; ends with 1 if they are not, with 2 if that is not known."""
    envelope = call(connect(), "POST", f"{_path(integration_id)}/test")
    result = envelope["payload"]
    if as_json:
        print_json(envelope)
    else:
        words = "good" if result["ok"] else "not good" if result["checked"] else "not known"
        OUT.print(
            f"{words}: {result['reason']}" if result["reason"] else words, highlight=False, markup=False, soft_wrap=True
        )
    raise typer.Exit(0 if result["ok"] else 1 if result["checked"] else 2)


def _path(integration_id: str) -> str:
    return f"/v1/integrations/{quote(integration_id, safe='')}"


def _read(file: Path | None) -> dict[str, Any]:
    """Read a JSON object from a file or the standard input; end the program if there is none."""
    if file is None:
        return {}
    try:
        content = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
    except (OSError, ValueError) as error:
        fail(f"{file}: {error}", 2)
    return cast("dict[str, Any]", content) if isinstance(content, dict) else fail(f"{file}: not a JSON object", 2)


def _throttle(text: str | None) -> dict[str, Any]:
    """Read the option `--throttle`; end the program if it is not JSON."""
    if text is None:
        return {}
    try:
        return {"throttle": json.loads(text)}
    except ValueError:
        fail(f'{text!r} is not JSON; an example is --throttle \'{{"rate": 1, "unit": "segment"}}\'', 2)


def _settings(
    connection: Connection,
    provider: str,
    setting: list[str] | None,
    credential: list[str] | None,
    unset: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """Convert options to configuration and credentials, in the types of the provider's forms."""
    if not (setting or credential or unset):
        return {}
    forms = _type(call(connection, "GET", "/v1/integration-types")["payload"], provider)
    fields = forms["configuration"]["properties"]
    configuration = {name: _typed(fields.get(name, {}), text) for name, text in pairs(setting).items()}
    credentials: dict[str, Any] = dict(map(_secret, credential or []))
    for name in unset:
        (configuration if name in fields else credentials)[name] = None
    return {"configuration": configuration, "credentials": credentials}


def _type(catalogue: Mapping[str, Any], provider: str) -> dict[str, Any]:
    known = {one["name"]: one for channel in catalogue["items"] for one in channel["providers"]}
    return known[provider] if provider in known else fail(f"no provider {provider!r}; there are {', '.join(known)}", 2)


def _typed(field: Mapping[str, Any], text: str) -> object:
    """Convert a value to its field's type; an invalid value is left for the API to reject by name."""
    if field.get("type", "string") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _secret(given: str) -> tuple[str, str]:
    """A credential's name and value, read from the given source."""
    name, separator, source = given.partition("=")
    if not separator:
        return name, typer.prompt(name, hide_input=True)
    if source.startswith("@"):
        try:
            return name, Path(source[1:]).read_text().removesuffix("\n")
        except OSError as error:
            fail(f"{name}: {error}", 2)
    variable = source.removeprefix("env:")
    if variable == source or variable not in os.environ:
        fail(f"--credential is {_SOURCES}; a secret on the command line is seen by everybody on this machine", 2)
    return name, os.environ[variable]


def _over(body: dict[str, Any], settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return body | {name: {**body.get(name, {}), **fields} for name, fields in settings.items() if fields}


def _show(envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    one = envelope["payload"]
    table = DataTable("", "")
    table.show_header = False
    for name in (
        "id",
        "name",
        "channel",
        "provider",
        "enabled",
        "atLeastOnce",
        "throttle",
        "optOutConfirmation",
        "created",
        "updated",
        "webhookUrl",
        "setup",
    ):
        table.add_row(name, str(one[name]))
    for name, value in one["configuration"].items():
        table.add_row(f"configuration.{name}", str(value))
    credentials: dict[str, bool] = one["credentials"] or {}
    for name, is_set in credentials.items():
        table.add_row(f"credentials.{name}", "set" if is_set else "-")
    OUT.print(table)


def _show_settings(provider: Mapping[str, Any]) -> None:
    table = DataTable("setting", "", "what it is")
    for kind in ("configuration", "credentials"):
        for name, field in provider[kind]["properties"].items():
            needed = "required" if name in provider[kind]["required"] else str(field.get("default", ""))
            table.add_row(f"{kind}.{name}", needed, field["description"])
    OUT.print(table)
    OUT.print(provider["setup"], highlight=False, markup=False)
