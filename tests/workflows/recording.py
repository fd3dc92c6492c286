"""Records the histories of stories: `make histories`, or `make histories ARGS="silence inbound"` for some of them.

Record anew only what a change of a workflow is meant to change: runs that are open in production look like the old
ones.
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
from tests.workflows.scenarios import ANA, LUIS, STORIES, Stage, Telling

HISTORIES: Final = Path(__file__).with_name("histories")

TIMEOUT: Final = timedelta(minutes=2)
"""How long one story may take."""

CHANGES: Final[Mapping[Stage, Mapping[str, object]]] = {
    Stage.USUAL: {},
    Stage.HURRIED: {
        "receipt_window": timedelta(seconds=5),
        "dispatch_timeout": timedelta(seconds=2),
        "dispatch_deadline": timedelta(seconds=4),
    },
    Stage.SKIPPING: {},
}
"""The settings of each stage, where they are not those of every day."""


UNHURRIED: Final[Mapping[str, object]] = {"admission_timeout": timedelta(seconds=30)}
"""So that a busy machine answers a refused submission as refused, and not as pending."""


async def record(names: Sequence[str]) -> None:
    """Play stories on the real stack, stage after stage, and write their histories down."""
    HISTORIES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="iris-histories-") as directory:
        folder = Path(directory)
        async with Mongod(folder / "mongodb", free_port(), folder / "mongodb.log") as mongod:
            for stage in Stage:
                tellings = {name: STORIES[name].telling for name in names if STORIES[name].stage is stage}
                if tellings:
                    await _play(stage, tellings, mongod.uri, folder)


async def _play(stage: Stage, tellings: Mapping[str, Telling], mongodb_uri: str, folder: Path) -> None:
    async with (
        _temporal(stage, folder) as address,
        running_iris(mongodb_uri, address, f"histories_{stage.name.lower()}", **UNHURRIED, **CHANGES[stage]) as iris,
        asyncio.TaskGroup() as tasks,
    ):
        await _create_recipients(iris)
        for name, telling in tellings.items():
            tasks.create_task(_record(iris, name, telling))


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
    """The address of a stage's own Temporal server."""
    async with AsyncExitStack() as stack:
        if stage is Stage.SKIPPING:
            environment = await stack.enter_async_context(time_skipping_server())
            yield environment.client.service_client.config.target_host
        else:
            server = TemporalServer(free_port(), folder / f"temporal-{stage.name}.log")
            yield (await stack.enter_async_context(server)).address


async def _record(iris: Iris, name: str, telling: Telling) -> None:
    async with asyncio.timeout(TIMEOUT.total_seconds()):
        interaction_id = await telling(iris)
    its_own = "-" in interaction_id  # the id of a workflow that is no interaction's
    workflow = interaction_id if its_own else workflow_id(interaction_id)
    history = await iris.temporal.get_workflow_handle(workflow).fetch_history()
    # Where this machine keeps its files is nobody's business.
    without_traces = re.sub(r'("stackTrace": )"(?:[^"\\]|\\.)*"', r'\1""', history.to_json())
    (HISTORIES / f"{name}.json").write_text(without_traces + "\n")
    print(f"{name}: {len(history.events)} events")  # noqa: T201 - the command's output


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.workflows.recording", description=__doc__)
    parser.add_argument("names", metavar="STORY", nargs="*", help=f"any of: {', '.join(STORIES)}; all unless given")
    names: list[str] = parser.parse_args().names
    if unknown := set(names) - set(STORIES):
        parser.error(f"no such story: {', '.join(sorted(unknown))}")
    asyncio.run(record(names or list(STORIES)))


if __name__ == "__main__":
    main()
