"""The README's first example behaves as the README says, through the running stack."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.stack.running import Stack

README = Path(__file__).parents[2] / "README.md"


def _block_after(words: str) -> str:
    """First fenced block of the README after some words."""
    _, _, rest = README.read_text().partition(words)
    found = re.search(r"```\w*\n(.*?)```", rest, re.DOTALL)
    assert found
    return found[1]


def _without_times(lines: str) -> list[str]:
    """Output for people without the instants and the Web UI's address."""
    return [re.sub(r"^\S+Z +", "", line).rstrip() for line in lines.splitlines() if re.match(r"\d{4}-", line)]


@pytest.mark.timeout(300)  # starting everything on a busy machine
async def test_the_first_example_prints_what_the_readme_shows(shared_stack: tuple[Stack, list[str]]) -> None:
    example = shlex.split(_block_after("tests/stack/test_readme.py runs these lines"))
    assert example[0] == ".venv/bin/iris"
    arguments = [*example[1:], "--data-dir", str(shared_stack[0].data)]
    done = await asyncio.wait_for(asyncio.to_thread(CliRunner().invoke, app, arguments), 60)
    shown = _without_times(_block_after("--watch\n```"))
    assert len(shown) == 5
    assert _without_times(done.output) == shown
