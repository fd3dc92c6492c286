"""Clients generated from the description by third-party tools compile and send a message."""

import asyncio
import compileall
import json
import os
import sys
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest

from tests.api.support import mobile
from tests.iris import Iris

PACKAGE: Final = "generated_iris_client"
BIN: Final = Path(sys.executable).parent
NODE_PACKAGES: Final = BIN.parent / "node" / "node_modules"

TYPESCRIPT: Final = """
import type { paths } from "./iris.d.ts";

type Send = paths["/v1/interactions"]["post"];
type Body = Send["requestBody"]["content"]["application/json"];
type Answer = Send["responses"][200]["content"]["application/json"];

const body: Body = {
  integrationId: process.argv[3],
  Destinations: [process.argv[4]],
  payLoad: { Type: "simple-text", Text: "Su cita es mañana a las 10:00" },
};
// @ts-expect-error a list has a button and sections
const unfinished: Body["payLoad"] = { Type: "list", Text: "¿Cuándo?" };
// @ts-expect-error no channel takes this
const unknown: Body["payLoad"] = { Type: "telegram", Text: "Hola" };

const response = await fetch(process.argv[2] + "/v1/interactions", {
  method: "POST",
  headers: { Authorization: "Bearer " + process.env.IRIS_API_KEY, "Content-Type": "application/json" },
  body: JSON.stringify(body),
});
const answer: Answer = await response.json();
console.log(response.status, answer.payload?.id);
"""

NODE: Final = "declare const process: { argv: string[]; env: Record<string, string> };"
"""Declarations of the Node API that the client uses; Node's types are a separate package."""


async def run(*command: str | Path, **environment: str) -> str:
    """Run a command, which must succeed, and return its output."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-3_000:]
    return output.decode()


@pytest.fixture
async def description(iris: Iris, tmp_path: Path) -> Path:
    """The running product's description, in a file."""
    path = tmp_path / "openapi.json"
    path.write_bytes((await iris.http.get("/openapi.json")).content)
    return path


async def test_a_python_client_sends_a_message_and_uploads_a_file(
    iris: Iris, description: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"package_name_override": PACKAGE, "post_hooks": []}))
    package = tmp_path / PACKAGE
    generated = ("--path", description, "--config", config, "--meta", "none", "--output-path", package)
    await run(BIN / "openapi-python-client", "generate", *generated, "--fail-on-warning")
    assert compileall.compile_dir(package, quiet=1)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    generated_client: Any = import_module(PACKAGE)
    models: Any = import_module(f"{PACKAGE}.models")
    types: Any = import_module(f"{PACKAGE}.types")
    send: Any = import_module(f"{PACKAGE}.api.interactions.send_interaction")
    upload: Any = import_module(f"{PACKAGE}.api.attachments.upload_attachment")
    client = generated_client.AuthenticatedClient(
        base_url=str(iris.http.base_url), token=iris.demo.api_key, httpx_args={"trust_env": False}
    )

    body = models.SendRequest(
        integration_id=iris.demo.integrations["sms"],
        destinations=[mobile()],
        pay_load=models.SimpleText(type_="simple-text", text="Su cita es mañana a las 10:00"),
    )
    sent = (await send.asyncio_detailed(client=client, body=body)).parsed.payload
    assert sent.audit_trail.created.tzinfo is not None
    await iris.until_status(sent.id, "COMPLETED")
    wrong = models.SendRequest(integration_id=iris.demo.integrations["sms"], destinations=[], template=None)
    refused = (await send.asyncio_detailed(client=client, body=wrong)).parsed
    assert {item.field for item in refused.error} == {"payLoad", "Destinations"}

    file = types.File(payload=BytesIO(b"%PDF-1.7 made up"))
    arguments = {"client": client, "body": file, "file_name": "cita.pdf", "media_type": "application/pdf"}
    uploaded = (await asyncio.to_thread(upload.sync_detailed, **arguments)).parsed
    assert (uploaded.payload.file_name, uploaded.payload.media_type) == ("cita.pdf", "application/pdf")


async def test_a_typescript_client_compiles_and_sends_a_message(iris: Iris, description: Path, tmp_path: Path) -> None:
    assert NODE_PACKAGES.is_dir(), "no TypeScript compiler: run `sh scripts/environment.sh development`"
    node = BIN / "node"
    await run(node, NODE_PACKAGES / "openapi-typescript" / "bin" / "cli.js", description, "-o", tmp_path / "iris.d.ts")
    client, declarations = tmp_path / "client.ts", tmp_path / "node.d.ts"
    client.write_text(TYPESCRIPT)
    declarations.write_text(NODE)
    options = ("--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
    further = ("--allowImportingTsExtensions", "--lib", "es2022,dom")
    await run(node, NODE_PACKAGES / "typescript" / "bin" / "tsc", *options, *further, declarations, client)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    arguments = (str(iris.http.base_url), iris.demo.integrations["sms"], mobile())
    status, interaction_id = (await run(node, client, *arguments, IRIS_API_KEY=iris.demo.api_key)).split()
    assert status == "200"
    await iris.until_status(interaction_id, "COMPLETED")
