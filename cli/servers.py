"""Iris's own processes, alone and all together."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import uvloop

from cli.client import OUT, fail
from cli.options import AsJson, DataDirectory
from support.logs import log_to_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI

    from embedded.demo import Demo
    from security.ssrf_guard import Network


def api(
    host: Annotated[str, typer.Option(envvar="IRIS_API_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="IRIS_API_PORT", help="The port to listen on.")] = 8000,
) -> None:
    """Serve the API."""
    from temporalio.runtime import Runtime

    from bootstrap import sdk_runtime
    from operations.exposure import exposure_problem
    from operations.startup import end_on_sigterm, prepare_servers, warn_of_unknown_variables
    from settings import settings

    log_to_stderr()
    end_on_sigterm()
    problem = exposure_problem(settings(), host)
    if problem is not None:
        fail(problem, 2)
    Runtime.set_default(sdk_runtime())
    warn_of_unknown_variables()
    asyncio.run(prepare_servers(settings()))
    # Imported late, because loading the application takes seconds on a slow machine.
    from api.app import create_app

    _serve(create_app(settings()), host, port, settings().trusted_proxies)


def worker() -> None:
    """Run the workflows and do their activities."""
    from temporalio.runtime import Runtime

    from bootstrap import collect_rarely, sdk_runtime
    from operations.startup import end_on_sigterm, prepare_servers, warn_of_unknown_variables
    from settings import settings

    log_to_stderr()
    Runtime.set_default(sdk_runtime(settings().temporal_metrics_address))
    end_on_sigterm()
    warn_of_unknown_variables()
    asyncio.run(prepare_servers(settings()))
    from worker import run_worker

    collect_rarely()
    uvloop.run(run_worker(settings()))


def codec(
    host: Annotated[str, typer.Option(envvar="IRIS_CODEC_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="IRIS_CODEC_PORT", help="The port to listen on.")] = 8002,
) -> None:
    """Serve what decrypts workflows' payloads for Temporal's Web UI, at http://HOST:PORT/<IRIS_CODEC_TOKEN>."""
    from temporal.codec_endpoint import CodecSettings, create_codec_endpoint

    _serve(create_codec_endpoint(CodecSettings()), host, port)  # pyright: ignore[reportCallIssue] - from the environment


def prepare_mongodb() -> None:
    """Form the replica set of an empty MongoDB that has a keyFile, and create its users; only on its own machine.

    It reads MONGODB_URI, whose user may then use the database of Iris only, and MONGODB_ROOT_PASSWORD. Run again, it
    gives that user the password that the URI has now.
    """
    from operations.mongodb_setup import MongodbSetupSettings
    from operations.mongodb_setup import prepare_mongodb as prepare

    asyncio.run(prepare(MongodbSetupSettings()))  # pyright: ignore[reportCallIssue] - from the environment


def seed(as_json: AsJson = False) -> None:
    """Create the demo's tenant, account, API key and sandbox integrations, where they are missing."""
    from embedded.demo import DemoSettings
    from embedded.demo import seed as create
    from settings import settings

    demo = asyncio.run(create(settings(), DemoSettings()))  # pyright: ignore[reportCallIssue] - from the environment
    if as_json:
        print(json.dumps(asdict(demo)))  # noqa: T201 - for programs
    else:
        OUT.print(f"tenant {demo.tenant}, integrations:", highlight=False)
        for channel, integration_id in demo.integrations.items():
            OUT.print(f"  {channel}: {integration_id}", highlight=False)


def up(
    data_dir: DataDirectory = Path(".iris"),
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Delete all data when it stops.")] = False,
    api_port: Annotated[int, typer.Option(envvar="IRIS_API_PORT", help="The API's port.")] = 8000,
    sandbox_port: Annotated[int, typer.Option(envvar="IRIS_SANDBOX_PORT", help="The sandbox gateway's port.")] = 8001,
    codec_port: Annotated[
        int, typer.Option(envvar="IRIS_CODEC_PORT", help="The port of the Web UI's payload codec.")
    ] = 8002,
    temporal_port: Annotated[int, typer.Option(envvar="IRIS_TEMPORAL_PORT", help="Temporal's port.")] = 7233,
    temporal_ui_port: Annotated[
        int, typer.Option(envvar="IRIS_TEMPORAL_UI_PORT", help="The port of Temporal's Web UI.")
    ] = 8233,
    mongodb_port: Annotated[int, typer.Option(envvar="IRIS_MONGODB_PORT", help="MongoDB's port.")] = 27017,
) -> None:
    """Run the whole product on this machine: MongoDB, Temporal, sandbox, worker and API, until Ctrl-C.

    MONGODB_URI and TEMPORAL_ADDRESS name servers to use instead of its own.
    """
    from embedded.processes import ServerError
    from embedded.stack import Ports, StackOptions, run_stack

    ports = Ports(
        api=api_port,
        sandbox=sandbox_port,
        codec=codec_port,
        temporal=temporal_port,
        temporal_ui=temporal_ui_port,
        mongodb=mongodb_port,
    )
    options = StackOptions(seed=_seed_stack, data_directory=data_dir, ephemeral=ephemeral, ports=ports)
    try:
        asyncio.run(run_stack(options))
    except ServerError as error:
        fail(str(error))


async def _seed_stack(environment: Mapping[str, str]) -> "Demo":
    """Seed like `iris seed`, in the environment of the stack's processes."""
    from embedded.demo import DemoSettings
    from embedded.demo import seed as create
    from settings import Settings

    os.environ.update(environment)
    return await create(Settings(), DemoSettings())  # pyright: ignore[reportCallIssue] - from the environment


def _serve(app: "FastAPI", host: str, port: int, trusted_proxies: "Sequence[Network]" = ()) -> None:
    import uvicorn

    from api.server import server_config
    from bootstrap import collect_rarely

    log_to_stderr()
    collect_rarely()
    server = uvicorn.Server(server_config(app, host, port, trusted_proxies))
    server.run()
    if not server.started:
        # uvicorn raises the signal again that stopped it, once it has stopped.
        raise typer.Exit(1)
