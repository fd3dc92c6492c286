"""The commands of docker-compose.yml work with their own secrets, on a MongoDB with authentication."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from google.protobuf.json_format import MessageToJson, Parse
from pydantic import SecretStr, ValidationError
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from pymongo.uri_parser import parse_uri
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from typing_extensions import override

from embedded.compose_secrets import COMPOSE_SECRETS
from embedded.mongod import Mongod
from embedded.ports import free_port, is_listened_on
from embedded.processes import Server, until
from embedded.temporal_server import TemporalServer, find_temporal
from models import DOCUMENTS
from models.indexes import State, survey_indexes
from models.interaction import Interaction
from operations.mongodb_setup import MongodbSetupSettings, WrongRootPasswordError, prepare_mongodb
from operations.startup import problem_in_one_line
from settings import Settings
from tests.iris import open_database
from tests.plain_http import plain_client
from tests.test_compose import COMPOSE, OURS, ROOT, SERVICES
from workflows import attributes

CHECK_SECONDS: Final = 0.5
"""Seconds between two checks, which compete with the starting process for the CPU."""


async def test_the_namespace_is_prepared_however_often_it_is(temporal_server: TemporalServer) -> None:
    service = SERVICES["temporal-namespace"]
    command = [*service["entrypoint"], *(line.replace("$$", "$") for line in service["command"])]
    environment = {
        "PATH": f"{find_temporal().parent}:/usr/bin:/bin",
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_NAMESPACE": "prepared",
    }
    for _ in range(2):
        shell = await asyncio.create_subprocess_exec(*command, env=environment, stdout=DEVNULL, stderr=DEVNULL)
        try:
            assert await asyncio.wait_for(shell.wait(), 30) == 0
        finally:
            if shell.returncode is None:
                shell.kill()
    client = await Client.connect(temporal_server.address, namespace="prepared")
    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="prepared"))
    assert known.custom_attributes == {key.name: key.indexed_value_type.value for key in attributes.KEYS}


def interpolated(text: str) -> str:
    """Expand `${NAME:-default}` and `$$` like compose without any variable set."""
    return re.sub(r"\$\{\w+:-(?P<default>[^}]*)\}", r"\g<default>", text).replace("$$", "$")


def as_on_this_machine(text: str, places: Mapping[str, str]) -> str:
    for there, here in places.items():
        text = text.replace(there, here)
    return text


class Container(Server):
    """A service's own command with its environment and secrets, healthy by its own health check."""

    def __init__(self, name: str, service: dict[str, Any], directory: Path, secrets: Mapping[str, str]) -> None:
        super().__init__(name, directory / f"{name}.log")
        self._service = service
        self.secrets = directory / name
        self.secrets.mkdir()
        for secret in service.get("secrets", []):
            (self.secrets / secret).write_text(secrets[secret])
        variables = {key: interpolated(value) for key, value in service.get("environment", {}).items()}
        places = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "IRIS_SECRETS_DIR": str(self.secrets)}
        self._environment = {**places, **variables}

    @override
    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "cli", *self._service["command"]]

    @override
    def environment(self) -> Mapping[str, str]:
        return self._environment

    @override
    async def serving(self) -> None:
        """The health check is a process too, and only runs once its port is open."""
        [port] = re.findall(r"//127\.0\.0\.1:(\d+)/", self._service["healthcheck"]["test"][-1])
        await until(lambda: is_listened_on(int(port)))
        await until(self._is_well)

    async def run_once(self, *options: str) -> bytes:
        return await self.run(*self.command(), *options)

    async def run_script(self, last: str) -> bytes:
        """Run a service's shell script without its last command."""
        [script] = self._service["command"]
        lines = interpolated(script).replace("/run/secrets", str(self.secrets)).splitlines()
        assert lines[-1].startswith("exec ")
        return await self.run(*self._service["entrypoint"], "\n".join([*lines[:-1], last]))

    async def run(self, *command: str) -> bytes:
        process = await asyncio.create_subprocess_exec(*command, env=self._environment, stdout=PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output

    async def _is_well(self) -> bool:
        kind, python, *arguments = self._service["healthcheck"]["test"]
        assert (kind, python) == ("CMD", "python")
        check = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=self._environment, stdout=DEVNULL, stderr=DEVNULL
        )
        if await check.wait() == 0:
            return True
        await asyncio.sleep(CHECK_SECONDS)
        return False


class KeyedMongod(Mongod):
    """A MongoDB server with authentication, as in docker-compose, and without a replica set yet."""

    def __init__(self, directory: Path, port: int, keyfile: str) -> None:
        super().__init__(directory / "data", port, directory / "mongodb.log")
        self.address = f"127.0.0.1:{port}"
        self._port_listened_on = port
        self._keyfile = directory / "keyfile"
        self._keyfile.touch(mode=0o600)
        self._keyfile.write_text(keyfile)

    @override
    def command(self) -> Sequence[str]:
        return [*super().command(), "--keyFile", str(self._keyfile)]

    @override
    async def serving(self) -> None:
        await until(lambda: is_listened_on(self._port_listened_on))


@pytest.fixture(scope="module")
async def secrets_and_mongodb(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """Secrets of docker-compose, and an unprepared MongoDB for them; tests prepare it as needed."""
    secrets = {name: make() for name, make in COMPOSE_SECRETS.items()}
    async with KeyedMongod(tmp_path_factory.mktemp("mongodb"), free_port(), secrets["mongodb_keyfile"]) as mongod:
        yield {**secrets, "mongodb_uri": secrets["mongodb_uri"].replace("@mongodb:27017/", f"@{mongod.address}/")}


def services_here(hosts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(as_on_this_machine(COMPOSE, hosts))["services"]


def setup_settings(secrets: dict[str, str], **changes: str) -> MongodbSetupSettings:
    return MongodbSetupSettings.model_validate({name.upper(): value for name, value in (secrets | changes).items()})


async def test_the_user_of_iris_has_its_permissions_in_its_own_database_only(
    secrets_and_mongodb: dict[str, str],
) -> None:
    for _ in range(2):
        await prepare_mongodb(setup_settings(secrets_and_mongodb))
    settings = Settings(mongodb_uri=SecretStr(secrets_and_mongodb["mongodb_uri"]))
    async with open_database(settings) as database:
        indexes = await survey_indexes(database, DOCUMENTS)
        assert {index.state for index in indexes} == {State.WANTED}
        async with await Interaction.collection().watch(max_await_time_ms=1) as changes:
            assert await changes.try_next() is None
        with pytest.raises(OperationFailure, match="not authorized"):
            await database.client["other"]["words"].insert_one({})
        with pytest.raises(OperationFailure, match="not authorized"):
            await database.client.admin.command("createUser", "other", pwd="x", roles=["root"])
    host, port = parse_uri(secrets_and_mongodb["mongodb_uri"])["nodelist"][0]
    async with AsyncMongoClient[dict[str, Any]](host, port, directConnection=True) as anonymous:
        with pytest.raises(OperationFailure, match="authentication"):
            await anonymous["iris"]["words"].find_one()


async def test_another_password_of_iris_is_taken_up_and_another_one_of_root_is_refused(
    secrets_and_mongodb: dict[str, str],
) -> None:
    await prepare_mongodb(setup_settings(secrets_and_mongodb))
    changed = secrets_and_mongodb["mongodb_uri"].replace("iris:", "iris:changed")
    await prepare_mongodb(setup_settings(secrets_and_mongodb, mongodb_uri=changed))
    async with AsyncMongoClient[dict[str, Any]](changed) as client:
        assert await client["iris"]["words"].find_one() is None
    with pytest.raises(WrongRootPasswordError, match="MONGODB_ROOT_PASSWORD"):
        await prepare_mongodb(setup_settings(secrets_and_mongodb, mongodb_root_password="x" * 32))


def test_a_uri_without_user_or_replica_set_is_refused_in_one_line_without_its_password() -> None:
    secrets = {name: make() for name, make in COMPOSE_SECRETS.items()}
    with pytest.raises(ValidationError) as refused:
        setup_settings(secrets, mongodb_uri="mongodb://iris:s3cr3t@mongodb:27017/")
    line = problem_in_one_line(refused.value)
    assert line
    assert line.startswith("MONGODB_URI: ")
    assert "s3cr3t" not in line


async def first_payload(server: TemporalServer, workflow_id: str) -> Payload:
    """Input of a workflow, as Temporal stores it."""
    client = await Client.connect(server.address, namespace=server.namespace)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    return history.events[0].workflow_execution_started_event_attributes.input.payloads[0]


@pytest.mark.timeout(300)  # starting five processes on a busy machine
async def test_the_commands_of_the_containers_deliver_a_message(
    tmp_path: Path, secrets_and_mongodb: dict[str, str], temporal_server: TemporalServer
) -> None:
    ports = {port: str(free_port()) for port in ("8000", "8001", "8002", "9464")}
    hosts = {"//api:": "//127.0.0.1:", "//sandbox:": "//127.0.0.1:", "0.0.0.0": "127.0.0.1"}  # noqa: S104 - replaced
    hosts |= {"172.31.253.2/32": "127.0.0.1/32", "temporal:7233": temporal_server.address}
    here = services_here({**hosts, **ports, "/var/lib/iris": str(tmp_path)})
    containers = {
        name: Container(name, service, tmp_path, secrets_and_mongodb)
        for name, service in here.items()
        if name in OURS or name == "temporal-ui"
    }
    await containers["mongodb-setup"].run_once()
    integrations = json.loads(await containers["seed"].run_once("--json"))["integrations"]
    async with AsyncExitStack() as running:
        names = ("sandbox", "worker", "api", "codec")
        await asyncio.gather(*(running.enter_async_context(containers[name]) for name in names))
        headers = {"Authorization": f"Bearer {secrets_and_mongodb['iris_demo_api_key']}"}
        http = await running.enter_async_context(
            plain_client(base_url=f"http://127.0.0.1:{ports['8000']}", headers=headers)
        )
        message = {
            "payLoad": {"Type": "simple-text", "Text": "Hello"},
            "integrationId": integrations["sms"],
            "processId": None,
            "Destinations": ["34600000001"],
            "AutoCreateUser": True,
            "AutoCreateProcess": True,
        }
        sent = (await http.post("/v1/interactions", json=message)).json()["payload"]

        async def is_delivered() -> bool:
            answer = await http.get(f"/v1/interactions/{sent['id']}")
            return answer.json()["payload"]["status"] == "COMPLETED"

        async with asyncio.timeout(60):
            await until(is_delivered)
        refused = await http.get("/health/live", headers={"X-Padding": "x" * 70_000})
        assert (refused.status_code, refused.json()["error"][0]["code"]) == (431, "header_too_large")
        assert "server" not in refused.headers
        # Decrypted for the Web UI, in a browser on this machine.
        endpoint = (await containers["temporal-ui"].run_script("printenv TEMPORAL_CODEC_ENDPOINT")).decode().strip()
        payload = await first_payload(temporal_server, f"interaction-{sent['id']}")
        body = MessageToJson(Payloads(payloads=[payload]))
        origin = {"Origin": "http://127.0.0.1:8080"}
        answer = await http.post(f"{endpoint}/decode", content=body, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "http://127.0.0.1:8080"
        assert b"Hello" not in payload.data
        assert b"Hello" in Parse(answer.content, Payloads()).payloads[0].data
