"""`iris sandbox`: the sandbox gateway, and the end users that it simulates."""

import asyncio
from typing import Annotated, Any

import httpx2
import typer

from cli.client import OUT, Connection, fail, integration_of, print_json
from cli.options import AsJson, Connect, connected

sandbox = typer.Typer(
    help="Serve the sandbox gateway (a simulated provider), or send an inbound message as an end user.",
    invoke_without_command=True,
)


@sandbox.callback()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(envvar="IRIS_SANDBOX_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="IRIS_SANDBOX_PORT", help="The port to listen on.")] = 8001,
) -> None:
    """Serve the sandbox gateway, which plays a provider, unless a command of its own is given."""
    if context.invoked_subcommand is not None:
        return
    from embedded.gateway.server import serve as serve_gateway
    from embedded.gateway.settings import GatewaySettings
    from support.logs import log_to_stderr

    log_to_stderr()
    asyncio.run(serve_gateway(GatewaySettings(), host, port))  # pyright: ignore[reportCallIssue] - read from the environment


@sandbox.command()
@connected
def inbound(
    connect: Connect,
    sender: Annotated[str, typer.Argument(metavar="FROM", help="Who writes: a phone number, or an id of the channel.")],
    text: Annotated[str, typer.Option("--text", "-t", help="The text that the end user writes.")],
    channel: Annotated[str, typer.Option("--channel", "-c", help="sms, whatsapp, rcs, email or messenger.")] = "sms",
    integration: Annotated[str | None, typer.Option(help="A sandbox integration's id, instead of a channel.")] = None,
    name: Annotated[str, typer.Option(help="The end user's name on the channel.")] = "",
    in_reply_to: Annotated[str | None, typer.Option(help="The provider's id of the message that it answers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Play an end user of the running `iris up`, who writes to one of its integrations."""
    from domain.identifiers import derived_id
    from embedded.demo import CHANNELS
    from embedded.demo_scenarios import sandbox_token

    connection = connect()
    token = sandbox_token(connection.secrets_file) if connection.sandbox_url else None
    if token is None or connection.sandbox_url is None:
        fail("the sandbox's gateway and its token are known only of a running `iris up`: give its --data-dir", 2)
    integration_id = integration_of(connection, channel, integration)
    message: dict[str, Any] = {
        "channel": CHANNELS.get(channel.lower(), channel),
        "from": sender,
        "name": name,
        "payload": {"Type": "simple-text", "Text": text},
        "callbackUrl": str(connection.http.base_url.join(f"/webhooks/sandbox/{integration_id}")),
    }
    message_id = _write(connection, token, message | ({"inReplyTo": in_reply_to} if in_reply_to else {}))
    # As the API names inbound messages (`api/routes/provider_webhooks.py`).
    interaction_id = derived_id("inbound", integration_id, message_id)
    if as_json:
        print_json({"id": interaction_id, "providerMessageId": message_id})
        return
    OUT.print(f"written as {interaction_id}; what became of it: iris trace {interaction_id}", soft_wrap=True)


def _write(connection: Connection, token: str, message: dict[str, Any]) -> str:
    """Submit a message to the gateway and return its id there."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        url = f"{connection.sandbox_url}/v1/inbound"
        response = httpx2.post(url, json=message, headers=headers, timeout=30, trust_env=False)
        response.raise_for_status()
        return response.json()["id"]
    except httpx2.HTTPStatusError as error:
        fail(f"the sandbox's gateway answers {error.response.status_code}: {error.response.text[:500]}")
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        fail(f"the sandbox's gateway at {connection.sandbox_url} does not answer: {error}")
