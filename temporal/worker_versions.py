"""Worker versions: open workflows stay on the version that they started on, new ones start on the current version."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final, TypedDict

from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest, SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from settings import Settings

UNVERSIONED: Final = "unversioned"
"""Build id of workers without versioning; it only identifies them in histories."""

_NOT_YET: Final = {RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION}
"""Statuses of the server's answer if it does not know a version's workers, or not all their task queues."""


@dataclass(frozen=True, slots=True)
class Version:
    """A worker version that the server knows.

    Attributes:
        status: `current`; `draining` while it has open workflows; `drained` when it has none; `inactive` before it was
            ever the current one.
    """

    build_id: str
    status: str


class VersionOptions(TypedDict, total=False):
    """Options of a worker about its version."""

    build_id: str
    deployment_config: WorkerDeploymentConfig


def version_options(settings: Settings) -> VersionOptions:
    """Return a worker's versioning options; without a build id of its own the worker takes all tasks."""
    if settings.temporal_worker_build_id is None:
        # By default the SDK reads the code of all loaded modules and hashes it, which takes half a second.
        return {"build_id": UNVERSIONED}
    config = WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.temporal_deployment_name, settings.temporal_worker_build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
    return {"deployment_config": config}


async def promote(client: Client, deployment: str, build_id: str, max_wait: timedelta) -> None:
    """Make a version the current one; waits for its workers to poll every task queue of the current version.

    Raises:
        RPCError: if they do not poll them within `max_wait`, or the server does not answer.
    """
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=deployment, build_id=build_id, identity=client.identity
    )
    deadline = monotonic() + max_wait.total_seconds()
    while True:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError as error:
            if error.status not in _NOT_YET or monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)
        else:
            return


async def versions(client: Client, deployment: str) -> list[Version]:
    """Return the versions of a deployment, newest first.

    Raises:
        RPCError: if there is no such deployment.
    """
    described = await client.workflow_service.describe_worker_deployment(
        DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=deployment)
    )
    summaries = described.worker_deployment_info.version_summaries
    return [_version(summary) for summary in sorted(summaries, key=_created, reverse=True)]


def _created(summary: WorkerDeploymentInfo.WorkerDeploymentVersionSummary) -> int:
    return summary.create_time.ToMilliseconds()


def _version(summary: WorkerDeploymentInfo.WorkerDeploymentVersionSummary) -> Version:
    status = WorkerDeploymentVersionStatus.Name(summary.status)
    return Version(summary.deployment_version.build_id, status.rpartition("_")[2].lower())
