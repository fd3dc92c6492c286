"""Records the histories of scenarios: `make histories`, or `make histories ARGS="silence inbound"` for some of them.

Record again only histories that a workflow change is meant to change: open runs in production look like the old ones.
"""

import argparse
import asyncio
import re
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from domain.destinations import DestinationKind
from embedded.mongod import Mongod
from embedded.ports import free_port
from embedded.temporal_server import TemporalServer
from models.user import OwnedDestination, User
from temporal.interactions import workflow_id
from tests.iris import Iris, running_iris
from tests.time_skipping import time_skipping_server
from tests.workflows.scenarios import ANA, LUIS, SCENARIOS, Play, Stage

HISTORIES: Final = Path(__file__).with_name("histories")

TIMEOUT: Final = timedelta(minutes=2)
"""Maximum duration of one scenario."""

CHANGES: Final[Mapping[Stage, Mapping[str, object]]] = {
    Stage.USUAL: {},
    Stage.HURRIED: {
        "receipt_window": timedelta(seconds=5),
        "dispatch_timeout": timedelta(seconds=2),
        "dispatch_deadline": timedelta(seconds=4),
    },
    Stage.SKIPPING: {},
}
"""Settings of each stage that differ from the usual ones."""


UNHURRIED: Final[Mapping[str, object]] = {"admission_timeout": timedelta(seconds=30)}
"""Settings that make a busy machine answer a refused submission as refused, not as pending."""


async def record(names: Sequence[str]) -> None:
    """Run scenarios on the real stack, stage after stage, and write their histories."""
    HISTORIES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="iris-histories-") as directory:
        folder = Path(directory)
        async with Mongod(folder / "mongodb", free_port(), folder / "mongodb.log") as mongod:
            for stage in Stage:
                plays = {name: SCENARIOS[name].play for name in names if SCENARIOS[name].stage is stage}
                if plays:
                    await _play(stage, plays, mongod.uri, folder)


async def _play(stage: Stage, plays: Mapping[str, Play], mongodb_uri: str, folder: Path) -> None:
    async with (
        _temporal(stage, folder) as address,
        running_iris(mongodb_uri, address, f"histories_{stage.name.lower()}", **UNHURRIED, **CHANGES[stage]) as iris,
        asyncio.TaskGroup() as tasks,
    ):
        await _create_recipients(iris)
        for name, play in plays.items():
            tasks.create_task(_record(iris, name, play))


async def _create_recipients(iris: Iris) -> None:
    """Create the users of the usual recipients, which two scenarios would otherwise each expect to create."""
    owned = [(DestinationKind.PHONE_NUMBER, f"346{number:08}") for number in range(1, 12)]
    owned += [(DestinationKind.EMAIL, address) for address in (ANA, LUIS)]
    for kind, value in owned:
        await User(
            tenant=iris.demo.tenant, name=value, destinations=[OwnedDestination(kind=kind, value=value)]
        ).insert()


@asynccontextmanager
async def _temporal(stage: Stage, folder: Path) -> AsyncGenerator[str]:
    """Yield the address of a stage's own Temporal server."""
    async with AsyncExitStack() as stack:
        if stage is Stage.SKIPPING:
            environment = await stack.enter_async_context(time_skipping_server())
            yield environment.client.service_client.config.target_host
        else:
            server = TemporalServer(free_port(), folder / f"temporal-{stage.name}.log")
            yield (await stack.enter_async_context(server)).address


async def _record(iris: Iris, name: str, play: Play) -> None:
    async with asyncio.timeout(TIMEOUT.total_seconds()):
        interaction_id = await play(iris)
    is_workflow_id = "-" in interaction_id
    workflow = interaction_id if is_workflow_id else workflow_id(interaction_id)
    history = await iris.temporal.get_workflow_handle(workflow).fetch_history()
    # Stack traces contain paths of this machine.
    without_traces = re.sub(r'("stackTrace": )"(?:[^"\\]|\\.)*"', r'\1""', history.to_json())
    (HISTORIES / f"{name}.json").write_text(without_traces + "\n")
    print(f"{name}: {len(history.events)} events")  # noqa: T201 - the command's output


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.workflows.recording", description=__doc__)
    parser.add_argument(
        "names", metavar="SCENARIO", nargs="*", help=f"any of: {', '.join(SCENARIOS)}; all unless given"
    )
    names: list[str] = parser.parse_args().names
    if unknown := set(names) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    asyncio.run(record(names or list(SCENARIOS)))


if __name__ == "__main__":
    main()
