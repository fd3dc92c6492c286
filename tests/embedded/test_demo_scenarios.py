"""The demo: a valid sample of every payload type, sent and read; one message received; and reported errors."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner
from typing_extensions import override

from cli.main import app
from domain.channels import Channel
from domain.payloads import PAYLOADS, parse_payload
from domain.payloads.samples import SAMPLES
from embedded.demo import CHANNELS
from embedded.demo_scenarios import DemoResult, DemoRun, final_status, recipient_of, sandbox_token
from embedded.secret_environment import secret_environment
from tests.iris import Iris
from tests.plain_http import plain_client


def test_there_is_one_sample_of_every_payload_type() -> None:
    types = {channel: [sample["Type"] for sample in samples] for channel, samples in SAMPLES.items()}
    assert types == {channel: list(payloads) for channel, payloads in PAYLOADS.items()}


@pytest.mark.parametrize("channel", Channel)
def test_every_sample_is_valid(channel: Channel) -> None:
    for sample in SAMPLES[channel]:
        assert parse_payload(channel, sample).wire_type == sample["Type"]


def test_every_recipient_reads_what_can_be_read() -> None:
    assert {channel: (recipient_of(channel), final_status(channel)) for channel in Channel} == {
        Channel.SMS: ("34600000002", "delivered"),
        Channel.WHATSAPP: ("34600000002", "read"),
        Channel.RCS: ("34600000002", "read"),
        Channel.EMAIL: ("read@sandbox.example.com", "read"),
        Channel.MESSENGER: ("1000000000000002", "read"),
    }


@asynccontextmanager
async def opened(iris: Iris, **integrations: str) -> AsyncGenerator[DemoRun]:
    """The run as `iris demo` opens it, with the API's address and a key."""
    headers = {"Authorization": f"Bearer {iris.demo.api_key}"}
    async with plain_client(base_url=iris.http.base_url, headers=headers, timeout=30) as api:
        yield DemoRun(api, integrations or iris.demo.integrations, timedelta(seconds=40))


async def test_every_sample_is_sent_and_read(iris: Iris) -> None:
    finished: list[DemoResult] = []
    async with opened(iris) as demo_run:
        sent = await demo_run.send_all(finished.append)
    assert [result for result in sent if not result.succeeded] == []
    assert [(result.channel, result.type) for result in sent] == [
        (short, payload_type) for short, channel in CHANNELS.items() for payload_type in PAYLOADS[channel]
    ]
    assert {(result.status, result.custom_status) for result in sent if result.channel != "sms"} == {
        ("COMPLETED", "read")
    }
    assert len(finished) == len(sent)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_reply_of_the_recipient_is_received(iris: Iris, channel: str) -> None:
    async with opened(iris, **{channel: iris.demo.integrations[channel]}) as demo_run:
        received = await demo_run.receive(iris.gateway)
    assert (received.status, received.succeeded, received.problem) == ("RECEIVED", True, None)
    interaction = await iris.read(received.id or "")
    assert interaction["direction"] == "in"
    assert interaction["payload"] == {"Type": "simple-text", "Text": "Sí, allí estaré"}
    assert [destination["value"] for destination in interaction["destinations"]] == [recipient_of(CHANNELS[channel])]


async def test_a_refusal_of_the_api_is_reported_with_its_reasons(iris: Iris) -> None:
    async with opened(iris, sms="0" * 24) as demo_run:
        (result,) = await demo_run.send_all()
    assert (result.id, result.succeeded) == (None, False)
    assert "integrationId" in (result.problem or "")


async def test_an_address_of_another_program_is_reported(iris: Iris) -> None:
    async with plain_client(base_url=iris.gateway_url) as gateway:
        (result,) = await DemoRun(gateway, {"sms": iris.demo.integrations["sms"]}).send_all()
    assert not result.succeeded
    assert result.problem == f"{iris.gateway_url}/v1/interactions is not Iris's API"


async def test_a_timeout_is_reported(iris: Iris) -> None:
    async with opened(iris) as demo_run:
        hasty = DemoRun(demo_run.api, {"sms": iris.demo.integrations["sms"]}, timedelta(milliseconds=1))
        (result,) = await hasty.send_all()
    assert not result.succeeded
    assert result.problem == "it has not finished after 0.001 s"


class Busy(httpx2.AsyncHTTPTransport):
    """A transport to an API that is too busy for the first request of each key."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        key = request.headers.get("Idempotency-Key")
        if key is None or key in self.keys:
            return await super().handle_async_request(request)
        self.keys.append(key)
        return httpx2.Response([429, 503][len(self.keys) % 2], headers={"Retry-After": "1"}, request=request)


async def test_a_throttled_send_is_retried_after_the_given_delay(iris: Iris) -> None:
    headers = {"Authorization": f"Bearer {iris.demo.api_key}"}
    sms = {channel: iris.demo.integrations[channel] for channel in ("sms", "email")}
    async with plain_client(base_url=iris.http.base_url, headers=headers, transport=Busy()) as api:
        sent = await DemoRun(api, sms, timedelta(seconds=40)).send_all()
    assert len(sent) > 1
    assert [(one.succeeded, one.seconds >= 1) for one in sent] == [(True, True)] * len(sent), sent


async def test_an_unavailable_gateway_is_reported(iris: Iris) -> None:
    async with opened(iris) as demo_run, plain_client(base_url=iris.gateway_url) as stranger:
        refused = await demo_run.receive(stranger)
    assert "the gateway answers 401" in (refused.problem or "")
    async with opened(iris) as demo_run, plain_client(base_url="http://127.0.0.1:1") as nobody:
        unanswered = await demo_run.receive(nobody)
    assert not unanswered.succeeded
    assert "no answer" in (unanswered.problem or "")


def test_the_token_is_where_the_stack_keeps_its_secrets(tmp_path: Path) -> None:
    kept = secret_environment(tmp_path / "secrets.json")
    assert sandbox_token(tmp_path / "secrets.json") == json.loads(kept["IRIS_SANDBOX_ACCOUNTS"])[0]["token"]


@pytest.mark.parametrize(
    "content", [None, "", "{}", "[]", '{"IRIS_SANDBOX_ACCOUNTS": "[]"}', '{"IRIS_SANDBOX_ACCOUNTS": 1}']
)
def test_secrets_that_say_nothing_give_no_token(tmp_path: Path, content: str | None) -> None:
    secrets = tmp_path / "secrets.json"
    if content is not None:
        secrets.write_text(content)
    assert sandbox_token(secrets) is None


def test_the_command_ends_with_1_if_something_did_not_succeed(tmp_path: Path) -> None:
    where = ["--api-url", "http://127.0.0.1:1", "--api-key", "a-key", "--data-dir", str(tmp_path)]
    done = CliRunner().invoke(app, ["demo", "--json", "--integration", "sms=1", *where])
    assert done.exit_code == 1
    shown = json.loads(done.stdout)
    assert [(result["type"], result["succeeded"]) for result in shown["sent"]] == [("simple-text", False)]
    assert list(shown["sent"][0]) == [
        *("channel", "type", "id", "status", "customStatus", "seconds", "succeeded", "problem", "link")
    ]
    assert shown["received"] == []
    assert "the sandbox's token is not known" in done.stderr


@pytest.mark.parametrize("options", [[], ["--integration", "sms"], ["--integration", "pigeon=1"]])
def test_the_command_needs_integrations_of_known_channels(tmp_path: Path, options: list[str]) -> None:
    where = ["--api-url", "http://127.0.0.1:1", "--api-key", "a-key", "--data-dir", str(tmp_path)]
    done = CliRunner().invoke(app, ["demo", *options, *where])
    assert done.exit_code == 2
    assert "--integration" in done.stderr
