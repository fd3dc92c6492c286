"""Factories of a tenant's documents, and the runner of activities."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from cryptography.fernet import Fernet
from temporalio.testing import ActivityEnvironment

from activities.admission import MongoAdmission
from activities.interfaces import AdmitInput, AdmitResult
from domain.channels import Channel
from domain.destinations import Destination, DestinationKind
from domain.identifiers import derived_id, new_id
from domain.interaction import DispatchPolicy, Revision
from domain.submission import Submission
from integrations.cache import Integrations
from integrations.references import to_reference
from models.integration import Integration
from models.interaction import Interaction
from models.process import Process
from models.user import OwnedDestination, User
from queries.consents import Consents
from queries.gate import Gate
from queries.reach import Reach
from queries.sending_rules import TenantRules
from queries.validation import Validation, owners_of, validate
from security.credential_encryption import Vault

TOKEN: Final = "sandbox-token"
SIGNING_SECRET: Final = "sandbox-secret"
VAULT: Final = Vault([Fernet.generate_key().decode()])
NOW: Final = datetime(2025, 6, 25, 9, 48, 21, 246_000, UTC)
PHONE: Final = "34638766068"
INTEGRATIONS: Final = Integrations(timedelta())
CONSENTS: Final = Consents()
RULES: Final = TenantRules(timedelta())
GATE: Final = Gate(CONSENTS, RULES, Reach(RULES))
ADMISSION: Final = MongoAdmission(INTEGRATIONS, GATE)


def revision(history_length: int, milliseconds: int = 0) -> Revision:
    """Return the revision of a task, or of a later try of it."""
    return Revision(history_length=history_length, task_time=NOW + timedelta(milliseconds=milliseconds))


FIRST_TASK: Final = revision(3)
"""Revision of a workflow's first task, when its history has three events."""

A = TypeVar("A")
R = TypeVar("R")


async def run(
    function: Callable[[A], Coroutine[Any, Any, R]], argument: A, *, run_id: str = "run-1", tries_before: int = 0
) -> R:
    """Run an activity for a workflow run, after a number of earlier tries."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, workflow_run_id=run_id, heartbeat_details=[tries_before, True])
    return await environment.run(function, argument)


def phone(value: str) -> OwnedDestination:
    return OwnedDestination(kind=DestinationKind.PHONE_NUMBER, value=value)


@dataclass(frozen=True)
class Resolution:
    """A valid submission whose users and process are to be found or created."""

    admit_input: AdmitInput
    destinations: list[Destination]
    policy: DispatchPolicy


@dataclass(frozen=True)
class World:
    """One tenant."""

    tenant: str
    gateway_url: str

    async def integration(self, channel: Channel = Channel.SMS, **changes: object) -> Integration:
        values: dict[str, Any] = {
            "tenant": self.tenant,
            "name": f"{channel}-{new_id()}",
            "channel": channel,
            "provider": "sandbox",
            "configuration": {"baseUrl": self.gateway_url},
            "credentials": VAULT.encrypt({"token": TOKEN, "signingSecret": SIGNING_SECRET}),
        }
        integration = Integration.model_validate(values | changes)
        await integration.insert()
        return integration

    async def user(self, *destinations: OwnedDestination) -> User:
        user = User(tenant=self.tenant, name="Sergio", destinations=list(destinations))
        await user.insert()
        return user

    async def process(self, **changes: object) -> Process:
        values: dict[str, Any] = {"tenant": self.tenant, "integration_ids": [new_id()], "user_ids": []}
        process = Process.model_validate(values | changes)
        await process.insert()
        return process

    async def submission(self, integration: Integration | None = None, **changes: object) -> Submission:
        """Return a valid submission, unless the changes make it invalid."""
        interaction_id = new_id()
        values: dict[str, Any] = {
            "interaction_id": interaction_id,
            "fingerprint": "fingerprint",
            "tenant": self.tenant,
            "author_id": new_id(),
            "submitted_at": NOW,
            "integration": to_reference(integration or await self.integration()),
            "payload": {"Type": "simple-text", "Text": "Su cita es mañana"},
            "destinations": [PHONE],
            "process_id": None,
            "new_process_id": derived_id("process", interaction_id),
            "auto_create_user": True,
            "auto_create_process": True,
        }
        return Submission.model_validate(values | changes)

    async def register(self, submission: Submission, run_id: str = "run-1") -> bool:
        return await ADMISSION.register(submission, run_id)

    async def stored(self, submission: Submission) -> Interaction:
        found = await Interaction.find_one({"_id": submission.interaction_id})
        assert found is not None
        return found

    async def validate(self, submission: Submission) -> Validation:
        refusals = await CONSENTS.problems_of(submission.recipients)
        return await validate(INTEGRATIONS, submission, await owners_of(submission), refusals)

    async def problems(self, submission: Submission) -> list[tuple[str, str]]:
        """Validate a submission, and return the fields and codes of its problems."""
        return [(problem.field, problem.code) for problem in (await self.validate(submission)).problems]

    async def resolution(self, submission: Submission, revision: Revision = FIRST_TASK) -> Resolution:
        """Register and validate a submission, and return the input of its resolution."""
        await self.register(submission)
        validation = await self.validate(submission)
        assert validation.problems == []
        assert validation.policy is not None
        admit_input = AdmitInput(
            submission=submission,
            admitted_at=submission.submitted_at + timedelta(milliseconds=128),
            due=None,
            revision=revision,
        )
        return Resolution(admit_input, validation.destinations, validation.policy)

    async def resolve(self, resolution: Resolution) -> AdmitResult:
        owners = await owners_of(resolution.admit_input.submission)
        return await ADMISSION.resolve(resolution.admit_input, resolution.destinations, resolution.policy, owners)

    async def admit(self, submission: Submission) -> AdmitResult:
        """Register, validate and resolve a submission."""
        return await self.resolve(await self.resolution(submission))

    async def admit_all(self, submissions: Sequence[Submission]) -> list[AdmitResult]:
        """Admit submissions, and resolve all of them concurrently."""
        resolutions = [await self.resolution(submission) for submission in submissions]
        return await asyncio.gather(*map(self.resolve, resolutions))

    async def users(self) -> list[User]:
        return await User.find({"tenant": self.tenant}).to_list()

    async def processes(self) -> list[Process]:
        return await Process.find({"tenant": self.tenant}).to_list()

    async def interactions(self) -> list[Interaction]:
        return await Interaction.find({"tenant": self.tenant}).to_list()
