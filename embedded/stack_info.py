"""Description of a running stack: for people on the terminal, for programs in `stack.json`."""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from embedded.data_directory import DEFAULT_DIRECTORY, DataDirectory

EXAMPLE_RECIPIENT: Final = "34600000001"
"""A recipient to which the sandbox delivers (`docs/providers/sandbox.md`)."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Addresses of a running stack, with the fields of `stack.json`.

    Attributes:
        temporal_ui_url: none when the Temporal server is external and its Web UI was not given.
        codec_url: decrypts payloads for the Web UI, with its token; none when they are not encrypted.
        integrations: the demo's integration ids by channel.
    """

    api_url: str
    temporal_address: str
    temporal_namespace: str
    temporal_ui_url: str | None
    codec_url: str | None
    mongodb_uri: str
    sandbox_url: str
    tenant: str
    api_key: str
    integrations: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Content of `stack.json`."""
        return asdict(self)

    def example(self) -> str:
        """A `curl` command that sends a message through the sandbox."""
        body = {
            "payLoad": {"Type": "simple-text", "Text": "Hello from Iris"},
            "integrationId": self.integrations["sms"],
            "processId": None,
            "Destinations": [EXAMPLE_RECIPIENT],
            "AutoCreateUser": True,
            "AutoCreateProcess": True,
        }
        lines = (
            ("curl", "-s", f"{self.api_url}/v1/interactions"),
            ("-H", f"Authorization: Bearer {self.api_key}"),
            ("-H", "Content-Type: application/json"),
            ("-d", json.dumps(body)),
        )
        return " \\\n  ".join(map(shlex.join, lines))


def announce(stack: RunningStack, data: DataDirectory, console: Console) -> None:
    """Print all addresses, how to send a first message, and how to stop."""
    places = {
        "API": stack.api_url,
        "API reference": f"{stack.api_url}/docs",
        "Temporal Web UI": stack.temporal_ui_url,
        "Temporal": f"{stack.temporal_address}, namespace {stack.temporal_namespace}",
        "Payload codec": stack.codec_url,
        "MongoDB": _without_credentials(stack.mongodb_uri),
        "Sandbox gateway": stack.sandbox_url,
        "Data": str(data.path),
        "Logs": str(data.logs),
    }
    width = max(map(len, places))
    lines = [Text("Iris runs.", style="bold green"), Text()]
    lines += [Text.assemble((f"  {name:<{width}}  ", "bold"), place) for name, place in places.items() if place]
    lines += [Text("\nSend a first message, which is delivered:\n"), Text(stack.example(), style="cyan")]
    lines += [Text("\nor follow one until it ends:\n"), Text(_send_command(data), style="cyan")]
    lines += [Text("\nCtrl-C stops everything.")]
    for line in lines:
        console.print(line, soft_wrap=True)  # a command broken into lines could not be pasted


def _send_command(data: DataDirectory) -> str:
    iris = "iris" if shutil.which("iris") else str(Path(sys.executable).with_name("iris"))
    options = [] if data.path == DEFAULT_DIRECTORY.resolve() else ["--data-dir", str(data.path)]
    return shlex.join([iris, "send", EXAMPLE_RECIPIENT, "--text", "Hello from Iris", "--watch", *options])


def _without_credentials(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", uri)
