"""Options shared by several commands."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Concatenate, Final, ParamSpec

import typer

from cli import client

DataDirectory = Annotated[
    Path, typer.Option("--data-dir", envvar="IRIS_DATA_DIR", help="Where the embedded stack keeps its files.")
]
ApiUrl = Annotated[
    str | None,
    typer.Option("--api-url", envvar="IRIS_API_URL", help="URL of the API; by default that of the running `iris up`."),
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", envvar="IRIS_API_KEY", help="Your key; else that of the running `iris up`.")
]
Variables = Annotated[
    list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A template's variable; may be repeated.")
]
Limit = Annotated[int, typer.Option(help="Number of items to list.")]
PageCursor = Annotated[str | None, typer.Option("--cursor", help="Cursor of the next page, from the previous answer.")]
PasswordFile = Annotated[Path | None, typer.Option(help="A file that holds the password.")]
Generate = Annotated[bool, typer.Option("--generate", help="Generate a password and show it once.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for programs.")]

Connect = Callable[[], client.Connection]
"""Connect to the API that a command's options name, when called; end the program if there is none."""

_Arguments = ParamSpec("_Arguments")
_CONNECTION_OPTIONS: Final = [
    Parameter("api_url", Parameter.KEYWORD_ONLY, default=None, annotation=ApiUrl),
    Parameter("api_key", Parameter.KEYWORD_ONLY, default=None, annotation=ApiKey),
    Parameter("data_dir", Parameter.KEYWORD_ONLY, default=Path(".iris"), annotation=DataDirectory),
]


def connected(command: Callable[Concatenate[Connect, _Arguments], None]) -> Callable[..., None]:
    """Add the options that name an API to a command; its first argument connects to that API."""

    @wraps(command)
    def run(*, api_url: str | None, api_key: str | None, data_dir: Path, **arguments: object) -> None:
        def connect() -> client.Connection:
            return client.connect(api_url, api_key, data_dir)

        command(connect, **arguments)  # pyright: ignore[reportCallIssue] - Typer passes what the signature names

    _, *own = signature(command).parameters.values()
    parameters = [*(one.replace(kind=Parameter.KEYWORD_ONLY) for one in own), *_CONNECTION_OPTIONS]
    run.__dict__["__signature__"] = Signature(parameters)  # Typer reads the options from both
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run
