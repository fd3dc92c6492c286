"""`iris bounces measure`: classification of a folder of mails."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.providers.smtp.report_mails import RECORDED, report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    below = tmp_path / "below"
    below.mkdir()
    (tmp_path / "failed.eml").write_bytes(report("x@example.com", "ana@example.com", "failed", "5.1.1"))
    (below / "delayed.eml").write_bytes((RECORDED / "exim-4.96_delayed_headers.eml").read_bytes())
    (tmp_path / "reply.eml").write_bytes(b"From: ana@example.com\n\nHola")
    (tmp_path / "vacation.eml").write_bytes(b"From: ana@example.com\nAuto-Submitted: auto-replied\n\nHola")
    (tmp_path / "noise.eml").write_bytes(b"\x00")
    return tmp_path


def test_each_mail_is_counted_as_what_it_is_taken_for(folder: Path) -> None:
    done = CliRunner().invoke(app, ["bounces", "measure", str(folder), "--files", "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.output)
    assert answer["counts"] == {
        "mails": 5,
        "recognised": 2,
        "failed": 1,
        "delayed": 1,
        "delivered": 0,
        "complaint": 0,
        "ignored": 1,
        "reply": 1,
        "unreadable": 1,
    }
    assert answer["failures"]["destination"] == 1
    assert {one["path"]: one["provider_status"] for one in answer["files"]}["below/delayed.eml"] == "delayed"


def test_people_get_a_table_and_what_is_no_folder_is_said_so(folder: Path) -> None:
    done = CliRunner().invoke(app, ["bounces", "measure", str(folder), "--files"])
    assert (done.exit_code, "vacation.eml" in done.output, "auto-reply" in done.output) == (0, True, True)
    assert CliRunner().invoke(app, ["bounces", "measure", str(folder / "failed.eml")]).exit_code == 1
