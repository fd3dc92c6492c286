"""`python -m cli`: the `iris` command, where its script is not on the path."""

from cli.main import run

run()
