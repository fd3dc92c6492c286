"""`iris attachments`, and `iris send` with files, against the running product."""

from pathlib import Path

import pytest

from tests.api.support import mobile
from tests.cli.running import Command, payload
from tests.iris import Iris

PDF = b"%PDF-1.7\n" + b"x" * 300_000


async def test_a_file_is_uploaded_seen_downloaded_and_deleted(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "factura.pdf"
    file.write_bytes(PDF)
    attachment = await payload(command, "attachments", "upload", str(file))
    assert (attachment["fileName"], attachment["mediaType"], attachment["size"]) == (
        "factura.pdf",
        "application/pdf",
        len(PDF),
    )
    assert attachment["id"] in {one["id"] for one in (await payload(command, "attachments", "list"))["items"]}
    assert "factura.pdf" in await command("attachments", "show", attachment["id"])
    target = tmp_path / "copy.pdf"
    await command("attachments", "download", attachment["id"], "--to", str(target))
    assert target.read_bytes() == PDF
    await command("attachments", "delete", attachment["id"])
    with pytest.raises(AssertionError, match="404"):
        await command("attachments", "show", attachment["id"])


async def test_files_are_sent_with_a_message(iris: Iris, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "plano.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")
    words = ("send", mobile(), "--attach", str(file), "--text", "El plano", "--idempotency-key", f"cli-{mobile()}")
    integration = ("--integration", iris.demo.integrations["whatsapp"], "--channel", "whatsapp")
    sent, again = [await payload(command, *words, *integration) for _ in range(2)]
    assert sent["payload"] == {"Type": "media", "MediaType": "image", "Caption": "El plano"}
    assert len(sent["attachmentsId"]) == 1
    assert again["id"] == sent["id"]
    await iris.until(sent["id"], lambda seen: seen["status"] in {"SENT", "COMPLETED"})
