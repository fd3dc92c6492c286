"""docker-compose.yml is well-formed and consistent; `test_compose_running.py` runs its containers' commands."""

import json
import re
import tomllib
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from subprocess import run
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft7Validator
from typer.core import TyperGroup
from typer.main import get_command

from api.server import GRACE as API_GRACE
from cli.main import app
from embedded.compose_secrets import COMPOSE_SECRETS, write_secrets
from embedded.demo import DemoSettings
from embedded.gateway.settings import GatewaySettings
from embedded.iris_processes import Program, WebProgram, WorkerProgram
from embedded.temporal_server import find_temporal
from operations.mongodb_setup import MongodbSetupSettings
from operations.startup import OTHER_VARIABLES, variables_of
from settings import Settings
from temporal.codec_endpoint import CodecSettings
from worker import RECORDING_GRACE, SENDING_GRACE

ROOT: Final = Path(__file__).parents[1]
COMPOSE: Final = (ROOT / "docker-compose.yml").read_text()
DOCUMENT: Final[dict[str, Any]] = yaml.safe_load(COMPOSE)
SERVICES: Final[dict[str, dict[str, Any]]] = DOCUMENT["services"]
OURS: Final = {name: service for name, service in SERVICES.items() if "build" in service}
DEMO: Final = {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]}
OUR_VARIABLES: Final = re.compile(r"IRIS_|TEMPORAL_|MONGODB_")

each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", OURS)


def runs_once(service: dict[str, Any]) -> bool:
    return service["restart"].startswith("on-failure")


def test_it_is_valid_by_the_schema_of_compose_files() -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    Draft7Validator(json.loads(schema.read_text())).validate(DOCUMENT)  # pyright: ignore[reportUnknownMemberType] - untyped


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


def test_mongodb_asks_for_passwords_and_bounds_its_cache() -> None:
    [script] = SERVICES["mongodb"]["command"]
    assert "--keyFile /tmp/keyfile" in script
    assert "--wiredTigerCacheSizeGB" in script


def test_temporal_is_of_the_version_that_the_tests_run() -> None:
    output = run([find_temporal(), "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
    [(server, web_ui)] = re.findall(r"\(Server ([\d.]+), UI ([\d.]+)\)", output)
    images = {service["image"] for service in SERVICES.values() if service["image"].startswith("temporalio/")}
    assert images == {f"temporalio/server:{server}", f"temporalio/admin-tools:{server}", f"temporalio/ui:{web_ui}"}


@each_of_ours
def test_every_variable_is_a_setting(name: str) -> None:
    known = {
        name
        for settings in (Settings, GatewaySettings, DemoSettings, CodecSettings, MongodbSetupSettings)
        for name in variables_of(settings)
    }
    assert {
        variable for variable in OURS[name].get("environment", {}) if OUR_VARIABLES.match(variable)
    } <= known | OTHER_VARIABLES


@each_of_ours
def test_every_command_is_one_of_iris(name: str) -> None:
    commands = get_command(app)
    assert isinstance(commands, TyperGroup)
    assert OURS[name]["command"][0] in commands.commands


def test_every_secret_is_a_file_that_is_made_and_used() -> None:
    assert DOCUMENT["secrets"] == {name: {"file": f".secrets/{name}"} for name in COMPOSE_SECRETS}
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert used == set(COMPOSE_SECRETS)


@each_service
def test_no_secret_is_in_an_environment_or_on_a_command_line(name: str) -> None:
    """`docker inspect` shows both; a script may only read the secret files of its service."""
    shown = json.dumps([SERVICES[name].get(key) for key in ("environment", "entrypoint", "command", "healthcheck")])
    variables = {*re.findall(r"\$\{(\w+)", shown)}
    assert variables <= {"IRIS_PUBLIC_URL", "IRIS_ALLOWED_NETWORKS"}
    assert set(re.findall(r"/run/secrets/(\w+)", shown)) <= set(SERVICES[name].get("secrets", []))
    assert not {secret.upper() for secret in COMPOSE_SECRETS} & set(SERVICES[name].get("environment", {}))


def test_secrets_are_made_once_and_only_their_owner_comes_to_them(tmp_path: Path) -> None:
    directory = tmp_path / ".secrets"
    assert write_secrets(directory) == list(COMPOSE_SECRETS)
    made = {file.name: file.read_text() for file in directory.iterdir()}
    assert set(made) == set(COMPOSE_SECRETS)
    assert directory.stat().st_mode & 0o777 == 0o700
    # Other users' containers read them: compose mounts them with the modes that they have.
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o444}
    (directory / "postgres_password").unlink()
    assert write_secrets(directory) == ["postgres_password"]
    kept = {file.name: file.read_text() for file in directory.iterdir()}
    assert {name for name in made if made[name] != kept[name]} == {"postgres_password"}


def test_secrets_are_neither_committed_nor_in_the_image() -> None:
    assert ".secrets/" in (ROOT / ".gitignore").read_text().split()
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def test_the_demo_is_only_where_it_is_asked_for() -> None:
    assert sorted(DEMO) == ["sandbox", "seed"]
    for name in SERVICES.keys() - DEMO:
        assert not DEMO & set(SERVICES[name].get("depends_on", {}))
        assert not any("demo" in secret or "sandbox" in secret for secret in SERVICES[name].get("secrets", []))


def test_the_command_that_pins_the_images_names_all_that_are_not_built_here() -> None:
    text = (ROOT / "docs" / "compose.md").read_text()
    [command] = re.findall(r"^docker compose config --lock-image-digests ((?:.*\\\n)*.*) > \S+$", text, re.MULTILINE)
    pinned = set(command.replace("\\\n", " ").split())
    assert pinned == SERVICES.keys() - OURS.keys()
    # It also resolves their dependencies, and ours are in no registry.
    assert not any(OURS.keys() & SERVICES[name].get("depends_on", {}).keys() for name in pinned)


def test_databases_are_reached_from_inside_only() -> None:
    assert DOCUMENT["networks"]["data"]["internal"]
    for name in ("mongodb", "postgresql"):
        assert SERVICES[name]["networks"] == ["data"]
        assert "ports" not in SERVICES[name]


@each_of_ours
def test_ours_can_do_no_more_than_they_need(name: str) -> None:
    assert OURS[name]["read_only"]
    assert OURS[name]["cap_drop"] == ["ALL"]
    assert OURS[name]["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "pid", "ipc", "devices"} & set(OURS[name])
    # Only MongoDB's own network has the loopback interface from which its first user can be created.
    assert OURS[name].get("network_mode") == ("service:mongodb" if name == "mongodb-setup" else None)


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
    default = f"${{IRIS_ALLOWED_NETWORKS:-{place['ipv4_address']}/32}}"
    assert OURS["worker"]["environment"]["IRIS_ALLOWED_NETWORKS"] == default
    members = {name for name, service in SERVICES.items() if network in service.get("networks", [])}
    assert members == {"api", "worker", "sandbox"}


def test_the_proxy_that_is_believed_is_the_one_by_which_this_machine_comes_in() -> None:
    [network] = DOCUMENT["networks"]["default"]["ipam"]["config"]
    assert OURS["api"]["environment"]["IRIS_TRUSTED_PROXIES"] == f"{network['gateway']}/32"
    assert OURS["api"]["environment"]["IRIS_ENVIRONMENT"] == "production"


@pytest.mark.parametrize(
    ("name", "program", "own_time"),
    [("worker", WorkerProgram, SENDING_GRACE + RECORDING_GRACE), ("api", WebProgram, timedelta(seconds=API_GRACE))],
)
def test_the_stop_timeout_of_a_process_exceeds_its_shutdown_time(
    name: str, program: type[Program], own_time: timedelta
) -> None:
    """Compose and `iris up` kill it later than it ends by itself, with a margin for the cleanup."""
    seconds = own_time.total_seconds() + 3
    assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > seconds
    assert program.stop_seconds > seconds
