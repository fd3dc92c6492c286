"""Options shared by several commands."""

from pathlib import Path
from typing import Annotated

import typer

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
