"""`iris attachments`, and files that go with `iris send`, against the running product."""

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cli import app
from tests.api.support import mobile
from tests.iris import Iris

PDF = b"%PDF-1.7\n" + b"x" * 300_000


async def run(iris: Iris, *words: str) -> Result:
    environment = {"IRIS_API_URL": str(iris.http.base_url), "IRIS_API_KEY": iris.demo.api_key, "COLUMNS": "200"}
    return await asyncio.to_thread(CliRunner().invoke, app, list(words), env=environment)


async def answered(iris: Iris, *words: str) -> Any:  # noqa: ANN401 - any JSON
    result = await run(iris, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def test_a_file_is_uploaded_seen_downloaded_and_deleted(iris: Iris, tmp_path: Path) -> None:
    file = tmp_path / "factura.pdf"
    file.write_bytes(PDF)
    attachment = (await answered(iris, "attachments", "upload", str(file)))["payload"]
    assert (attachment["fileName"], attachment["mediaType"], attachment["size"]) == (
        "factura.pdf",
        "application/pdf",
        len(PDF),
    )
    assert attachment["id"] in {one["id"] for one in (await answered(iris, "attachments", "list"))["payload"]["items"]}
    assert "factura.pdf" in (await run(iris, "attachments", "show", attachment["id"])).stdout
    target = tmp_path / "copy.pdf"
    assert (await run(iris, "attachments", "download", attachment["id"], "--to", str(target))).exit_code == 0
    assert target.read_bytes() == PDF
    assert (await run(iris, "attachments", "delete", attachment["id"])).exit_code == 0
    assert (await run(iris, "attachments", "show", attachment["id"])).exit_code == 1


async def test_files_are_sent_with_a_message(iris: Iris, tmp_path: Path) -> None:
    file = tmp_path / "plano.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")
    words = ("send", mobile(), "--attach", str(file), "--text", "El plano", "--idempotency-key", f"cli-{mobile()}")
    integration = ("--integration", iris.demo.integrations["whatsapp"], "--channel", "whatsapp")
    sent, again = [(await answered(iris, *words, *integration))["payload"] for _ in range(2)]
    assert sent["payload"] == {"Type": "media", "MediaType": "image", "Caption": "El plano"}
    assert len(sent["attachmentsId"]) == 1
    assert again["id"] == sent["id"]
    await iris.until(sent["id"], lambda seen: seen["status"] in {"SENT", "COMPLETED"})
