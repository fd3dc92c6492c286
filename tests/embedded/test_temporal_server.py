"""Temporal server of the embedded stack."""

from pathlib import Path

from embedded.ports import free_port
from embedded.temporal_server import TemporalServer, WebUi
from tests.plain_http import plain_client

TOKEN = "token-that-nobody-else-sees"


def modes_of_files_with_the_token(directory: Path) -> list[int]:
    return [file.stat().st_mode for file in directory.iterdir() if TOKEN in file.read_text()]


async def test_the_web_ui_knows_the_codec_and_the_command_line_does_not_show_its_token(tmp_path: Path) -> None:
    codec = f"http://127.0.0.1:8002/{TOKEN}"
    server = TemporalServer(free_port(), tmp_path / "temporal.log", ui=WebUi(free_port(), codec))
    async with server, plain_client(base_url=server.ui_url or "") as http:
        settings = (await http.get("/api/v1/settings")).json()
    assert settings["Codec"]["Endpoint"] == codec
    assert not [argument for argument in server.command() if TOKEN in argument]
    assert [mode & 0o077 for mode in modes_of_files_with_the_token(tmp_path)] == [0]
