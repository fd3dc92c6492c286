"""The `iris` command, as users run it."""

import asyncio

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.cli.running import Command
from tests.iris import Iris


@pytest.fixture
def command(iris: Iris) -> Command:
    """Output of a successful `iris` command."""
    where = {"IRIS_API_URL": str(iris.http.base_url), "IRIS_API_KEY": iris.demo.api_key, "COLUMNS": "200"}

    async def run(*arguments: str) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=where)
        assert done.exit_code == 0, done.output
        return done.output

    return run
