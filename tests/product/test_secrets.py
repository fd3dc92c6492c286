"""No secret leaks: not into logs, responses, histories or the database, on success or failure."""

import asyncio
import base64
import json
import logging
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography.fernet import Fernet
from pydantic import JsonValue, ValidationError
from typer.testing import CliRunner

from cli.ending import say_problem
from cli.main import app
from domain.identifiers import new_id
from embedded.temporal_server import TemporalServer
from models.integration import Integration
from providers import http
from providers.meta import Meta
from security.credential_encryption import Vault, new_api_key
from tests.iris import PASSWORD, SANDBOX, Iris, running_iris
from tests.product import provider_lines
from tests.product.fake_providers import ONE_OF_EACH, statuses_of
from tests.product.provider_lines import Line
from tests.product.traces import Traces, found_marks, listening

ROOT: Final = Path(__file__).parents[2]
LONG: Final = 60
PLACES: Final = ("logs", "answers", "histories", "database")
JWT, WRONG_PASSWORD, UNKNOWN_KEY = f"marked-jwt-secret-{new_id()}", f"marked-password-{new_id()}", new_api_key()
SEALING, PAYLOADS = (base64.urlsafe_b64encode(os.urandom(32)).decode() for _ in range(2))

pytestmark = pytest.mark.timeout(300)  # everything at once, through every provider


@dataclass(frozen=True)
class World:
    """The product with marked secrets, and a line to each provider.

    Attributes:
        shown: secrets that one response each has shown, by printable names.
    """

    iris: Iris
    lines: list[Line]
    traces: Traces
    shown: dict[str, str] = field(default_factory=dict[str, str])

    def marks(self) -> dict[str, str]:
        """Every secret by a printable name."""
        marks = {
            "IRIS_JWT_SECRET": JWT,
            "IRIS_ENCRYPTION_KEYS": SEALING,
            "IRIS_PAYLOAD_KEYS": PAYLOADS,
            "the sandbox's token": SANDBOX.token.get_secret_value(),
            "the sandbox's signing secret": SANDBOX.signing_secret.get_secret_value(),
            "the demo's API key": self.iris.demo.api_key,
            "the demo's password": PASSWORD,
            "a wrong password": WRONG_PASSWORD,
            "an unknown API key": UNKNOWN_KEY,
        }
        for line in self.lines:
            for number, secret in enumerate(line.fake_provider.secrets()):
                marks[f"{line.fake_provider.label()}'s secret {number}"] = secret
            for name, value in line.fake_provider.unknown_credentials[0].items():
                marks[f"{line.fake_provider.label()}'s wrong {name}"] = str(value)
        return marks

    async def through(self, line: Line, credentials: Mapping[str, JsonValue], vault: Vault | None = None) -> Line:
        """A line to the same fake provider by an integration with other credentials."""
        integration = Integration(
            tenant=self.iris.demo.tenant,
            name=new_id(),
            channel=line.fake_provider.channel,
            provider=line.fake_provider.provider.name,
            configuration=line.fake_provider.configuration(),
            credentials=(vault or Vault([SEALING])).encrypt({**line.fake_provider.credentials(), **credentials}),
        )
        await integration.insert()
        return replace(line, integration_id=integration.id)


@pytest.fixture(scope="module")
async def world(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[World]:
    secrets = {"jwt_secret": JWT, "encryption_keys": SEALING, "payload_keys": PAYLOADS}
    quick = {"dispatch_deadline": timedelta(seconds=14)}  # final failure at the fourth attempt, after seven seconds
    where = mongodb_uri, temporal_server.address, f"{database_name}_secrets"
    traces = Traces()
    with listening(traces):
        async with running_iris(*where, **secrets, **quick) as iris, AsyncExitStack() as opened:
            each = [await opened.enter_async_context(provider_lines.line(iris, vendor)) for vendor in ONE_OF_EACH]
            for client in (iris.http, *(line.vendor for line in each)):
                client.event_hooks = {"response": [traces.add]}
            yield World(iris, each, traces)


@pytest.fixture(scope="module")
async def ran(world: World) -> World:
    """The product after every use and misuse of its secrets."""
    providers = [provider(world, line) for line in world.lines]
    await asyncio.gather(callers(world.iris), access(world), sandbox(world.iris), *providers)
    await world.traces.collect_server_data(world.iris)
    return world


async def callers(iris: Iris) -> None:
    """Identities of callers and their requests."""
    login = {"Email": "demo@iris.example.com", "Password": PASSWORD, "tenant": iris.demo.tenant}
    token = (await iris.http.post("/user/login", json=login)).json()["payload"]
    await iris.http.post("/user/login", json=login | {"Password": WRONG_PASSWORD})
    await iris.http.post("/user/login", json=login | {"Password": [WRONG_PASSWORD], "tenant": 1})
    await iris.http.post("/user/login", content=json.dumps(login)[:-1].encode())
    wrong = (f"Bearer {UNKNOWN_KEY}", f"Basic {UNKNOWN_KEY}", UNKNOWN_KEY, f"Bearer {token}x")
    for credentials in (f"Bearer {token}", *wrong):
        await iris.http.get(f"/v1/interactions/{new_id()}", headers={"Authorization": credentials})
    for path in ("/openapi.json", "/docs", "/health/live", "/health/ready", f"/nowhere/{new_id()}"):
        await iris.http.get(path)
    await iris.http.post("/v1/interactions", json={"payLoad": 1})


async def access(world: World) -> None:
    """Keys and sessions: created, used, rotated, and misused."""
    http, shown = world.iris.http, world.shown

    async def made(path: str, body: Mapping[str, JsonValue]) -> dict[str, str]:
        return (await http.post(path, json=body)).json()["payload"]

    login = {"tenant": world.iris.demo.tenant, "email": "demo@iris.example.com", "password": PASSWORD}
    session = await made("/v1/sessions", login)
    renewed = await made("/v1/sessions/refresh", {"refreshToken": session["refreshToken"]})
    for number, tokens in enumerate((session, renewed)):
        shown |= {f"refresh token {number}": tokens["refreshToken"], f"access token {number}": tokens["accessToken"]}
    key = await made("/v1/api-keys", {"name": "marked"})
    rotated = await made(f"/v1/api-keys/{key['id']}/rotate", {})
    shown |= {"API key": key["key"], "rotated API key": rotated["key"]}
    for token in shown.values():
        await http.get("/v1/accounts/me", headers={"Authorization": f"Bearer {token}"})
        await http.post("/v1/sessions/refresh", json={"refreshToken": token})
        await http.delete("/v1/sessions/current", headers={"Authorization": f"Bearer {token}x"})
    new = {"email": f"a-{new_id()}@iris.example.com", "password": PASSWORD, "role": "reader"}
    account = await made("/v1/accounts", new)
    for password in (WRONG_PASSWORD, PASSWORD):
        await http.patch(f"/v1/accounts/{account['id']}", json={"password": password})
    for path in ("/v1/accounts", "/v1/api-keys", "/v1/audit-log", f"/v1/api-keys/{key['id']}"):
        await http.get(path)


async def sandbox(iris: Iris) -> None:
    """Every outcome of the sandbox's recipients."""
    ending = [await iris.send("sms", f"346000000{number:02}") for number in (1, 3, 4, 6)]
    for interaction in ending:
        await iris.ended(interaction["id"], seconds=LONG)


async def provider(world: World, line: Line) -> None:
    """One provider: accepted, reported, quoted, postponed, rejected, misconfigured, forged and queried."""
    sent = await line.sent()
    await line.send_receipt(sent, statuses_of(line.fake_provider)[1])
    receipt = line.receipt(sent, statuses_of(line.fake_provider)[0])
    for forge in line.fake_provider.forgeries.values():
        await line.post(forge(receipt))
    await line.post(line.simulator.sign(replace(receipt, body=b"garbage")))
    await line.receive_message(line.somebody(), "Hola")
    if issubclass(line.fake_provider.provider, Meta):
        for verify_token in (str(line.fake_provider.credentials()["verifyToken"]), "another"):
            query = {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": verify_token}
            await line.vendor.get(line.url, params=query)
    for wrong in line.fake_provider.bad_credentials.values():
        misconfigured = await world.through(line, wrong)
        await misconfigured.post(replace(receipt, url=misconfigured.url))
    await asyncio.gather(
        refusals_and_throttles(world, line),
        refused(await world.through(line, next(iter(line.fake_provider.bad_credentials.values())))),
        refused(await world.through(line, {}, Vault([Fernet.generate_key().decode()]))),
    )


async def refusals_and_throttles(world: World, line: Line) -> None:
    """What the provider itself refuses or puts off, one after the other: it has one answer at a time."""
    await refused(await world.through(line, dict(line.fake_provider.unknown_credentials[0])))
    await quoted(line, next(iter(line.fake_provider.refusals)), "rejected")
    await quoted(line, next(iter(line.fake_provider.throttles)), "not_sent")


async def refused(line: Line) -> None:
    interaction_id = await line.admitted()
    # Awaiting the end asks for one answer, where reading until the status is there asks for many. An attempt that is
    # under way at its deadline may have reached the provider: then the workflow goes on, and the status is there too.
    with suppress(TimeoutError):
        await line.iris.ended(interaction_id, seconds=20)
    assert (await line.iris.read(interaction_id))["status"] == "PROVIDER_SENDING_ERROR"


async def quoted(line: Line, code: str, custom_status: str) -> str:
    """Record of a send whose fake provider quotes our secrets in its error."""
    line.fake_provider.quote(code)
    interaction_id = await line.admitted()
    await line.iris.ended(interaction_id, seconds=LONG)
    seen = await line.iris.read(interaction_id)
    assert (seen["status"], seen["customStatus"]) == ("PROVIDER_SENDING_ERROR", custom_status)
    return seen["auditTrail"]["history"][-1]["notes"]


@pytest.mark.parametrize("place", PLACES)
async def test_no_secret_leaks(ran: World, place: str) -> None:
    assert found_marks(ran.marks(), ran.traces[place]) == set()


async def test_a_secret_that_is_shown_once_is_in_that_answer_alone(ran: World) -> None:
    assert len(ran.shown) == 6
    for place in ("logs", "histories", "database"):
        assert found_marks(ran.shown, ran.traces[place]) == set(), place
    assert {name: ran.traces["answers"].count(secret.encode()) for name, secret in ran.shown.items()} == dict.fromkeys(
        ran.shown, 1
    )


async def test_all_was_looked_at(ran: World) -> None:
    traces = ran.traces
    for line in ran.lines:
        left = [place for place in PLACES if line.integration_id.encode() in traces[place]]
        assert (line.fake_provider.label(), left) == (line.fake_provider.label(), list(PLACES))
    assert {int(answer.split()[1]) for answer in traces.answers} >= {200, 400, 401, 404}
    assert all(word in traces["histories"] for word in (b"encryption-key-id", b"InternalFault", b"DISPATCH_PENDING"))
    levels = (b"DEBUG", b"WARNING")
    assert [level for level in levels if level in traces["logs"]] == list(levels)


async def test_a_secret_that_is_logged_on_purpose_is_found(world: World) -> None:
    traces = Traces()
    with listening(traces):
        logging.getLogger("iris.worker").debug("signing with %s", JWT)
        logging.getLogger("iris.worker").info("refused", extra={"given": f"Bearer {UNKNOWN_KEY}"})
        logging.getLogger("iris.api").error("internal fault", exc_info=ValueError(SEALING))
    assert found_marks(world.marks(), traces["logs"]) == {
        "IRIS_JWT_SECRET",
        "an unknown API key",
        "IRIS_ENCRYPTION_KEYS",
    }


async def test_a_secret_that_a_provider_quotes_is_found_everywhere_when_nothing_hides_it(
    ran: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hide_nothing(_request: object) -> type[str]:
        return str

    monkeypatch.setattr(http, "redaction_for", hide_nothing)
    (line,) = (line for line in ran.lines if line.fake_provider.provider.name == "twilio")
    traces = Traces()
    line.iris.http.event_hooks = {"response": [traces.add]}
    await quoted(line, next(iter(line.fake_provider.refusals)), "rejected")
    await traces.collect_server_data(ran.iris)
    for place in ("answers", "histories", "database"):
        assert {name.partition("'")[0] for name in found_marks(ran.marks(), traces[place])} == {
            line.fake_provider.label()
        }, place


def in_an_authorization(mark: str) -> str:
    return base64.b64encode(f"me:{mark}:x".encode()).decode()


def in_json(mark: str) -> str:
    return json.dumps({"it": mark})


@pytest.mark.parametrize("encode", [str, in_an_authorization, in_json])
def test_a_secret_is_found_in_every_form(encode: Callable[[str], str]) -> None:
    for mark in (JWT, "made up ñ/+&\n secret", f"x{SEALING}", f"xy{SEALING}"):
        for before in ("", "a", "ab"):
            assert found_marks({"it": mark}, f"{before}{encode(mark)}".encode()) == {"it"}
    assert found_marks({"it": JWT}, b"something else") == set()


def with_wrong_secrets(mark: str) -> dict[str, str]:
    """An environment in which every secret is an invalid mark."""
    names = ("IRIS_JWT_SECRET", "IRIS_ENCRYPTION_KEYS", "IRIS_PAYLOAD_KEYS", "IRIS_CODEC_TOKEN", "IRIS_DEMO_API_KEY")
    return {**dict.fromkeys(names, mark), "IRIS_SANDBOX_ACCOUNTS": json.dumps([{"token": mark}])}


def assert_one_line_without_secret(output: str, mark: str) -> None:
    assert output.startswith("iris: IRIS_")
    assert output.count("\n") == 1
    assert mark not in output


async def test_a_process_with_wrong_secrets_does_not_print_them() -> None:
    mark = "marked-marked"
    assert_one_line_without_secret((await ended_with("seed", with_wrong_secrets(mark))).decode(), mark)


def test_neither_does_the_codec_which_has_settings_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    mark = "marked-marked"
    done = CliRunner().invoke(app, ["codec"], env=with_wrong_secrets(mark))
    assert isinstance(done.exception, ValidationError)
    say_problem(done.exception)
    assert_one_line_without_secret(done.output + capsys.readouterr().err, mark)


async def test_a_process_that_mongodb_refuses_does_not_print_its_password(mongodb_uri: str) -> None:
    mark = "marked-marked"
    uri = mongodb_uri.replace("mongodb://", f"mongodb://iris:{mark}@")
    output = await ended_with("api", {"MONGODB_URI": uri, "IRIS_LOG_LEVEL": "DEBUG"})
    assert b"Authentication failed" in output
    assert mark.encode() not in output


async def ended_with(command: str, environment: Mapping[str, str]) -> bytes:
    """Output of a process of ours that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", command),
        env={**os.environ, **environment},
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode != 0
    return output
