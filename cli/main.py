"""The `iris` command."""

from importlib.metadata import version
from typing import Annotated

import typer

from cli.access import accounts, audit, keys
from cli.admin import admin
from cli.attachments import attachments
from cli.bounces import bounces
from cli.consents import consents
from cli.demo import demo
from cli.deployment import promote, replay
from cli.doctor import doctor
from cli.ending import leave, say_problem
from cli.indexes import indexes
from cli.integrations import integrations
from cli.interactions import interactions
from cli.messages import send, show
from cli.processes import processes
from cli.reach import reach
from cli.rotate_credentials import rotate_credentials
from cli.rules import rules
from cli.sandbox import sandbox
from cli.servers import api, codec, prepare_mongodb, seed, up, worker
from cli.strategies import strategies
from cli.templates import templates
from cli.tracing import trace
from cli.users import users
from cli.webhooks import events, notifications, webhooks

app = typer.Typer(
    name="iris",
    help="One call to send a message through any channel and any provider; every message a durable workflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _iris(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    """One call to send a message through any channel and any provider; every message a durable workflow."""
    if show_version:
        typer.echo(f"iris {version('iris')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


for command in (send, show, trace, demo, doctor, indexes, replay, promote, rotate_credentials):
    app.command()(command)
for command in (up, api, worker, codec, seed, prepare_mongodb):
    app.command()(command)
app.command()(events)
app.add_typer(sandbox, name="sandbox")
app.add_typer(interactions, name="interactions")
app.command()(audit)
app.add_typer(admin, name="admin")
app.add_typer(accounts, name="accounts")
app.add_typer(keys, name="keys")
app.add_typer(integrations, name="integrations")
app.add_typer(users, name="users")
app.add_typer(attachments, name="attachments")
app.add_typer(processes, name="processes")
app.add_typer(templates, name="templates")
app.add_typer(strategies, name="strategies")
app.add_typer(consents, name="consents")
app.add_typer(rules, name="rules")
app.add_typer(reach, name="reach")
app.add_typer(webhooks, name="webhooks")
app.add_typer(notifications, name="notifications")
app.add_typer(bounces, name="bounces")


def run() -> None:
    """Entry point of the program; it reports what prevents a command from working in one line."""
    try:
        app()
    except SystemExit as ending:
        leave(ending.code)
    except Exception as error:  # noqa: BLE001 - what is not known is raised again
        say_problem(error)
        leave(2)
