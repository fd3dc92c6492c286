"""docker-compose.yml: what it says is well-formed and true, and what its containers run works; no engine is needed."""

import asyncio
import json
import re
import sys
import tomllib
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from google.protobuf.json_format import MessageToJson, Parse
from jsonschema import Draft7Validator
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from typing_extensions import override

from api.server import GRACE as API_GRACE
from cli import app
from embedded.demo import DemoSettings
from embedded.gateway.settings import GatewaySettings
from embedded.ports import free_port
from embedded.processes import Server, until
from embedded.programs import Program, WebProgram, WorkerProgram
from embedded.secret_environment import COMPOSE_SECRETS
from embedded.temporal_server import TemporalServer, find_temporal
from operations.starting import OTHER_VARIABLES, variables_of
from security.codec_endpoint import CodecSettings
from settings import Settings
from tests.plain_http import plain_client
from worker import RECORDING_GRACE, SENDING_GRACE
from workflows import attributes

ROOT: Final = Path(__file__).parents[1]
COMPOSE: Final = (ROOT / "docker-compose.yml").read_text()
SERVICES: Final[dict[str, dict[str, Any]]] = yaml.safe_load(COMPOSE)["services"]
OURS: Final = {name: service for name, service in SERVICES.items() if "build" in service}
ENDPOINT: Final = "TEMPORAL_CODEC_ENDPOINT"
CHECK_SECONDS: Final = 0.5
"""A check is a process too, and takes its time from what is to become well."""
OUR_VARIABLES: Final = re.compile(r"IRIS_|TEMPORAL_|MONGODB_")

each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", OURS)


def runs_once(service: dict[str, Any]) -> bool:
    return service["restart"].startswith("on-failure")


def test_it_is_valid_by_the_schema_of_compose_files() -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    Draft7Validator(json.loads(schema.read_text())).validate(yaml.safe_load(COMPOSE))  # pyright: ignore[reportUnknownMemberType] - untyped


@each_service
def test_every_service_is_checked_or_runs_once(name: str) -> None:
    assert runs_once(SERVICES[name]) != ("healthcheck" in SERVICES[name])


@each_service
def test_a_service_waits_for_others_until_they_are_of_use(name: str) -> None:
    for other, dependency in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if runs_once(SERVICES[other]) else "service_healthy"
        assert dependency == {"condition": expected}


@each_service
def test_every_image_has_its_version(name: str) -> None:
    assert re.search(r":\d[\w.-]*$", SERVICES[name]["image"])


def test_the_images_that_ours_is_built_from_have_their_versions() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert bases
    assert all(re.search(r":\d[\w.-]*$", base) for base in bases)


@each_service
def test_every_service_is_bounded_in_memory_and_logs(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])
    assert set(SERVICES[name]["logging"]["options"]) == {"max-size", "max-file"}


def test_the_cache_of_mongodb_is_bounded() -> None:
    assert "--wiredTigerCacheSizeGB" in SERVICES["mongodb"]["command"]


@each_of_ours
def test_every_variable_is_a_setting(name: str) -> None:
    known = {
        name for settings in (Settings, GatewaySettings, DemoSettings, CodecSettings) for name in variables_of(settings)
    }
    assert {
        variable for variable in OURS[name]["environment"] if OUR_VARIABLES.match(variable)
    } <= known | OTHER_VARIABLES


@each_of_ours
def test_every_command_is_one_of_iris(name: str) -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert OURS[name]["command"][0] in commands


def test_every_secret_that_is_asked_for_is_made() -> None:
    assert set(re.findall(r"\$\{(\w+):\?", COMPOSE)) == set(COMPOSE_SECRETS)


def test_databases_are_reached_from_inside_only() -> None:
    assert yaml.safe_load(COMPOSE)["networks"]["data"]["internal"]
    for name in ("mongodb", "postgresql"):
        assert SERVICES[name]["networks"] == ["data"]
        assert "ports" not in SERVICES[name]


@each_of_ours
def test_ours_can_do_no_more_than_they_need(name: str) -> None:
    assert OURS[name]["read_only"]
    assert OURS[name]["cap_drop"] == ["ALL"]
    assert OURS[name]["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "pid", "ipc", "network_mode", "devices"} & set(OURS[name])


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert users[-1] not in {"0", "root"}


def test_the_image_has_all_that_runs_and_nothing_else() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    packages = {name for name in wheel["only-include"] if not name.endswith(".py")}
    taken = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert taken == packages | {"*.py", "requirements/runtime.txt"}


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_sandbox_is_at_the_one_address_inside_that_may_be_connected_to() -> None:
    [(network, place)] = SERVICES["sandbox"]["networks"].items()
    assert OURS["worker"]["environment"]["IRIS_ALLOWED_NETWORKS"] == f"{place['ipv4_address']}/32"
    members = {name for name, service in SERVICES.items() if network in service.get("networks", [])}
    assert members == {"api", "worker", "sandbox"}


def test_the_proxy_that_is_believed_is_the_one_by_which_this_machine_comes_in() -> None:
    [network] = yaml.safe_load(COMPOSE)["networks"]["default"]["ipam"]["config"]
    assert OURS["api"]["environment"]["IRIS_TRUSTED_PROXIES"] == f"{network['gateway']}/32"
    assert OURS["api"]["environment"]["IRIS_ENVIRONMENT"] == "production"


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


def interpolated(text: str, environment: Mapping[str, str]) -> str:
    """What compose makes of `${NAME:-default}`, `${NAME:?message}` and `$$`."""

    def value(reference: re.Match[str]) -> str:
        default = reference["default"] if reference["kind"] == ":-" else None
        return environment.get(reference["name"], default or "")

    return re.sub(r"\$\{(?P<name>\w+)(?P<kind>:[-?])(?P<default>[^}]*)\}", value, text).replace("$$", "$")


def as_on_this_machine(text: str, places: Mapping[str, str]) -> str:
    for there, here in places.items():
        text = text.replace(there, here)
    return text


class Container(Server):
    """A service's own command in its own environment, well when its own health check says so."""

    def __init__(self, name: str, service: dict[str, Any], directory: Path, secrets: Mapping[str, str]) -> None:
        super().__init__(name, directory / f"{name}.log")
        self._service = service
        variables = {key: interpolated(value, secrets) for key, value in service["environment"].items()}
        self._environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **variables}

    @override
    def command(self) -> Sequence[str]:
        return [sys.executable, str(ROOT / "cli.py"), *self._service["command"]]

    @override
    def environment(self) -> Mapping[str, str]:
        return self._environment

    @override
    async def serving(self) -> None:
        await until(self._is_well)

    async def run_once(self, *options: str) -> bytes:
        process = await asyncio.create_subprocess_exec(*self.command(), *options, env=self._environment, stdout=PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output

    async def _is_well(self) -> bool:
        kind, python, *arguments = self._service["healthcheck"]["test"]
        assert (kind, python) == ("CMD", "python")
        await asyncio.sleep(CHECK_SECONDS)
        check = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=self._environment, stdout=DEVNULL, stderr=DEVNULL
        )
        return await check.wait() == 0


async def first_payload(server: TemporalServer, workflow_id: str) -> Payload:
    """What a workflow was started with, as Temporal keeps it."""
    client = await Client.connect(server.address, namespace=server.namespace)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    return history.events[0].workflow_execution_started_event_attributes.input.payloads[0]


@pytest.mark.timeout(300)  # starting five processes on a busy machine
async def test_what_the_containers_run_delivers_a_message(
    tmp_path: Path, mongodb_uri: str, temporal_server: TemporalServer
) -> None:
    ports = {port: str(free_port()) for port in ("8000", "8001", "8002", "9464")}
    hosts = {"//api:": "//127.0.0.1:", "//sandbox:": "//127.0.0.1:", "0.0.0.0": "127.0.0.1"}  # noqa: S104 - replaced
    servers = {"mongodb://mongodb:27017/?replicaSet=rs0": mongodb_uri, "temporal:7233": temporal_server.address}
    hosts["172.31.253.2/32"] = "127.0.0.1/32"
    here = as_on_this_machine(COMPOSE, {**hosts, **ports, **servers, "/var/lib/iris": str(tmp_path)})
    secrets = {name: make() for name, make in COMPOSE_SECRETS.items()}
    containers = {
        name: Container(name, service, tmp_path, secrets)
        for name, service in yaml.safe_load(here)["services"].items()
        if name in OURS
    }
    integrations = json.loads(await containers["seed"].run_once("--json"))["integrations"]
    async with AsyncExitStack() as running:
        names = ("sandbox", "worker", "api", "codec")
        await asyncio.gather(*(running.enter_async_context(containers[name]) for name in names))
        headers = {"Authorization": f"Bearer {secrets['IRIS_DEMO_API_KEY']}"}
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
        # What the Web UI has decrypted, in the browser of somebody on this machine.
        told_to_the_ui = interpolated(yaml.safe_load(here)["services"]["temporal-ui"]["environment"][ENDPOINT], secrets)
        payload = await first_payload(temporal_server, f"interaction-{sent['id']}")
        body = MessageToJson(Payloads(payloads=[payload]))
        origin = {"Origin": "http://127.0.0.1:8080"}
        answer = await http.post(f"{told_to_the_ui}/decode", content=body, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "http://127.0.0.1:8080"
        assert b"Hello" not in payload.data
        assert b"Hello" in Parse(answer.content, Payloads()).payloads[0].data


@pytest.mark.parametrize(
    ("name", "program", "own_time"),
    [("worker", WorkerProgram, SENDING_GRACE + RECORDING_GRACE), ("api", WebProgram, timedelta(seconds=API_GRACE))],
)
def test_who_stops_a_process_gives_it_longer_than_it_takes(
    name: str, program: type[Program], own_time: timedelta
) -> None:
    """Compose and `iris up` kill it later than it ends by itself, with room for what comes after its last work."""
    seconds = own_time.total_seconds() + 3
    assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > seconds
    assert program.stop_seconds > seconds
