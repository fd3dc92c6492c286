"""The whole product on one machine: servers, seed, Iris's own processes, supervised until stopped (`iris up`)."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from rich.console import Console

from embedded.data_directory import DEFAULT_DIRECTORY, DataDirectory, open_data_directory, write_private
from embedded.iris_processes import WebProgram, WorkerProgram
from embedded.mongod import Mongod
from embedded.ports import LOOPBACK, free_port
from embedded.secret_environment import secret_environment
from embedded.stack_info import RunningStack, announce
from embedded.supervisor import Supervisor, together
from embedded.temporal_server import NAMESPACE, TemporalServer, WebUi

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_STOPPING: Final = (
    f"Stopping: what is being sent is finished first, for {WorkerProgram.stop_seconds:.0f} s at most. "
    "Ctrl-C again ends at once."
)


class SeedResult(Protocol):
    """Result of seeding the database."""

    @property
    def tenant(self) -> str:
        """Name of the demo's tenant."""
        ...

    @property
    def api_key(self) -> str:
        """API key of the demo's account."""
        ...

    @property
    def integrations(self) -> Mapping[str, str]:
        """Integration ids by the channel's short name."""
        ...


Seed = Callable[[Mapping[str, str]], Coroutine[Any, Any, SeedResult]]
"""Creates the demo in the environment of the stack's processes."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Preferred loopback ports; an occupied one is replaced by a free one, which is reported."""

    api: int = 8000
    sandbox: int = 8001
    codec: int = 8002
    temporal: int = 7233
    temporal_ui: int = 8233
    mongodb: int = 27017


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Options of a stack.

    Attributes:
        seed: creates the demo, once the servers serve.
        data_directory: persistent directory.
        ephemeral: whether to use a temporary directory and remove it at the end.
        ports: preferred ports.
    """

    seed: Seed
    data_directory: Path = DEFAULT_DIRECTORY
    ephemeral: bool = False
    ports: Ports = field(default_factory=Ports)


async def run_stack(options: StackOptions) -> None:
    """Run the stack until SIGINT, SIGTERM or SIGHUP, then stop everything in order; a second signal ends it at once.

    Servers that `MONGODB_URI` and `TEMPORAL_ADDRESS` name replace the embedded ones. Other environment variables of
    Iris's processes override the stack's values.

    Raises:
        ServerError: a process does not start or keeps dying, or another stack runs in the data directory.
    """
    console = Console(highlight=False, soft_wrap=True)
    with open_data_directory(options.data_directory, ephemeral=options.ephemeral) as data:
        await _until_signalled(_run(options, data, console), lambda: console.print(_STOPPING))
        console.print("Iris has stopped.")


async def _run(options: StackOptions, data: DataDirectory, console: Console) -> None:
    """Start everything, announce it, and keep it alive until cancelled."""
    ports = _PortChooser(options.ports, console.print)
    api_port, sandbox_port, codec_port = map(ports.choose, ("api", "sandbox", "codec"))
    environment = _environment(data, api_port, sandbox_port)
    is_encrypted = bool(environment["IRIS_PAYLOAD_KEYS"])
    codec_url = f"http://{LOOPBACK}:{codec_port}/{environment['IRIS_CODEC_TOKEN']}" if is_encrypted else None
    mongod = None if os.environ.get("MONGODB_URI") else _mongod(data, ports)
    temporal = None if os.environ.get("TEMPORAL_ADDRESS") else _temporal(data, ports, codec_url)
    ui_url = temporal.ui_url if temporal else os.environ.get("TEMPORAL_UI_URL")
    environment |= _servers(mongod, temporal)
    sandbox = WebProgram("sandbox", data.fresh_log("sandbox"), environment, sandbox_port, "/health")
    api = WebProgram("api", data.fresh_log("api"), environment, api_port, "/health/ready")
    worker = WorkerProgram(data.fresh_log("worker"), environment, temporal)
    codec = _codec(data, environment, codec_port, ui_url) if codec_url else None
    data.stack_file.unlink(missing_ok=True)  # of a stack that was killed
    async with Supervisor(data.run, console.print) as supervisor:
        await supervisor.start(*filter(None, (mongod, temporal)))
        seeding = asyncio.create_task(options.seed(environment))
        await together(supervisor.start(*filter(None, (sandbox, api, worker, codec))), seeding)
        demo = seeding.result()
        running = RunningStack(
            api_url=api.url,
            temporal_address=environment["TEMPORAL_ADDRESS"],
            temporal_namespace=environment["TEMPORAL_NAMESPACE"],
            temporal_ui_url=ui_url,
            codec_url=codec_url,
            mongodb_uri=environment["MONGODB_URI"],
            sandbox_url=sandbox.url,
            tenant=demo.tenant,
            api_key=demo.api_key,
            integrations=demo.integrations,
        )
        write_private(data.stack_file, running.as_json())
        announce(running, data, console)
        try:
            await supervisor.keep_alive()
        finally:
            data.stack_file.unlink(missing_ok=True)  # readers must not find a stack that has ended


class _PortChooser:
    """Assigns a distinct port to each process."""

    def __init__(self, preferred: Ports, say: Callable[[str], None]) -> None:
        self._preferred = asdict(preferred)
        self._say = say
        self._given: set[int] = set()

    def choose(self, part: str) -> int:
        """The preferred port if free, else another, which is reported."""
        preferred = self._preferred[part]
        port = free_port(preferred, avoid=self._given)
        if port != preferred:
            self._say(f"Port {preferred} ({part.replace('_', ' ')}) is taken; {port} is used instead.")
        self._given.add(port)
        return port


def _mongod(data: DataDirectory, ports: _PortChooser) -> Mongod:
    return Mongod(data.path / "mongodb", ports.choose("mongodb"), data.fresh_log("mongodb"))


def _temporal(data: DataDirectory, ports: _PortChooser, codec_url: str | None) -> TemporalServer:
    return TemporalServer(
        ports.choose("temporal"),
        data.fresh_log("temporal"),
        database=data.path / "temporal" / "temporal.db",
        ui=WebUi(ports.choose("temporal_ui"), codec_url),
        namespace=os.environ.get("TEMPORAL_NAMESPACE") or NAMESPACE,
    )


def _codec(data: DataDirectory, environment: Mapping[str, str], port: int, ui_url: str | None) -> WebProgram:
    origins = {"IRIS_CODEC_ORIGINS": f"{ui_url},{ui_url.replace(LOOPBACK, 'localhost')}"} if ui_url else {}
    return WebProgram("codec", data.fresh_log("codec"), {**origins, **environment}, port, "/health")


def _environment(data: DataDirectory, api_port: int, sandbox_port: int) -> dict[str, str]:
    """Environment of Iris's processes: the stack's values, overridden by the process environment."""
    return {
        **secret_environment(data.path / "secrets.json"),
        "IRIS_PUBLIC_URL": f"http://{LOOPBACK}:{api_port}",
        "IRIS_SANDBOX_LEDGER": str(data.path / "sandbox.db"),
        "TEMPORAL_NAMESPACE": NAMESPACE,
        **os.environ,
        "IRIS_SANDBOX_URL": f"http://{LOOPBACK}:{sandbox_port}",
    }


def _servers(mongod: Mongod | None, temporal: TemporalServer | None) -> dict[str, str]:
    """Addresses of the embedded servers."""
    servers = {"MONGODB_URI": mongod.uri} if mongod else {}
    return servers | ({"TEMPORAL_ADDRESS": temporal.address} if temporal else {})


async def _until_signalled(work: Coroutine[Any, Any, None], on_signal: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)

    def stop() -> None:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)  # the next signal ends this process at once, and with it its children
        on_signal()
        task.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):
        await task
