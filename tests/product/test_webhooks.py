"""The webhook route for every vendor: verification, repetitions, and invalid requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import create_app
from domain.clock import utc_now
from domain.identifiers import new_id
from embedded.iris_processes import WebProgram
from embedded.ports import free_port
from models.unmatched import UnmatchedEvent
from providers.base import Webhook
from providers.meta import Meta
from tests.iris import Iris, open_database
from tests.product import provider_lines
from tests.product.fake_providers import ONE_OF_EACH, VENDORS, bears_a_nonce, label, statuses_of
from tests.product.provider_lines import Line, environment_of
from tests.providers.fake_providers.meta import VERIFY_TOKEN
from tests.served import serving

asking = pytest.mark.parametrize(
    "line", [vendor for vendor in VENDORS if issubclass(vendor.provider, Meta)], ids=label, indirect=True
)
bearing_a_nonce = pytest.mark.parametrize(
    "line", [vendor for vendor in ONE_OF_EACH if bears_a_nonce(vendor)], ids=label, indirect=True
)


@pytest.fixture(scope="module")
async def one_of_each(iris: Iris) -> AsyncIterator[list[Line]]:
    async with AsyncExitStack() as opened:
        yield [await opened.enter_async_context(provider_lines.line(iris, vendor)) for vendor in ONE_OF_EACH]


async def asked(line: Line, **query: str) -> httpx2.Response:
    return await line.vendor.get(line.url, params={f"hub.{name}": value for name, value in query.items()})


class TestTheQuestionWhetherAnAddressIsOurs:
    @asking
    async def test_a_correct_verify_token_returns_only_the_challenge(self, line: Line) -> None:
        challenge = "1158201444 <b>&"
        answer = await asked(line, mode="subscribe", verify_token=VERIFY_TOKEN, challenge=challenge)
        assert (answer.status_code, answer.text) == (200, challenge)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"

    @asking
    async def test_a_wrong_verify_token_is_refused(self, line: Line) -> None:
        wrong: list[dict[str, str]] = [
            {"mode": "subscribe", "verify_token": "another", "challenge": "1"},
            {"mode": "subscribe", "verify_token": "", "challenge": "1"},
            {"mode": "subscribe", "challenge": "1"},
            {"mode": "subscribe", "verify_token": VERIFY_TOKEN},
            {"mode": "unsubscribe", "verify_token": VERIFY_TOKEN, "challenge": "1"},
            {},
        ]
        for query in wrong:
            answer = await asked(line, **query)
            assert (query, answer.status_code, answer.json()["status"]) == (query, 403, 403)

    async def test_verification_is_refused_for_vendors_without_it(self, one_of_each: list[Line]) -> None:
        for line in one_of_each:
            if not issubclass(line.fake_provider.provider, Meta):
                answer = await asked(line, mode="subscribe", verify_token=VERIFY_TOKEN, challenge="1")
                assert (line.fake_provider.label(), answer.status_code) == (line.fake_provider.label(), 403)


@dataclass(frozen=True)
class Apis:
    """URLs of two APIs of the same product: a healthy process, and one without a Temporal namespace."""

    well: str
    unwell: str


@pytest.fixture(scope="module")
async def apis(iris: Iris, server_directory: Path) -> AsyncIterator[Apis]:
    nowhere = iris.settings.model_copy(update={"temporal_namespace": "nowhere"})
    well = WebProgram("api", server_directory / "well.log", environment_of(iris.settings), free_port(), "/health/live")
    async with (
        open_database(iris.settings),  # reopen the client that a stopped application leaves closed
        well,
        serving(create_app(nowhere)) as unwell,
    ):
        yield Apis(well.url, unwell)


class TestARepeatedWebhook:
    @bearing_a_nonce
    async def test_it_is_refused_by_every_process_and_changes_nothing(self, line: Line, apis: Apis) -> None:
        interaction_id = await line.sent()
        receipt = line.receipt(interaction_id, statuses_of(line.fake_provider)[1])
        message = line.webhook(line.simulator.text(line.somebody(), "Hola", interaction_id))
        for webhook in (receipt, message):
            await line.post_accepted(webhook)
        await line.received(interaction_id, 1)
        received = await line.came_in(interaction_id)
        for webhook in (receipt, message):
            for api in ("", apis.well):
                answer = await line.post(webhook, api)
                assert (answer.status_code, answer.json()["error"][0]["code"]) == (401, "unverified")
        # Any wrongly accepted earlier event would be in the record by now.
        await line.send_receipt(interaction_id, statuses_of(line.fake_provider)[0])
        seen = await line.received(interaction_id, 2)
        assert len(seen["auditTrail"]["providerEvents"]) == 2
        assert [one.id for one in await line.messages_in(interaction_id)] == [received["id"]]

    @bearing_a_nonce
    async def test_the_same_nonce_on_another_integration_is_another_webhooks(self, line: Line) -> None:
        async with provider_lines.line(line.iris, type(line.fake_provider)) as other:
            webhook = line.webhook(line.simulator.text(line.somebody(), "Hola", "a message"))
            assert (await line.post(webhook)).status_code == 200
            answer = await other.vendor.post(other.url, content=webhook.body, headers=dict(webhook.headers))
            assert answer.status_code == 200

    @bearing_a_nonce
    async def test_one_that_could_not_be_passed_on_may_be_repeated(self, line: Line, apis: Apis) -> None:
        interaction_id = await line.sent()
        receipt = line.receipt(interaction_id, statuses_of(line.fake_provider)[1])
        assert (await line.post(receipt, apis.unwell)).status_code == 503
        await line.post_accepted(receipt)
        await line.iris.until_status(interaction_id, "COMPLETED", "delivered")


class TestGarbage:
    @settings(max_examples=4, deadline=None, database=None)
    @given(
        garbage=st.one_of(
            st.binary(max_size=200),
            st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
                max_leaves=8,
            ).map(lambda content: repr(content).replace("'", '"').encode("utf-8", "surrogatepass")),
        ),
        start=st.floats(0, 1),
        length=st.integers(0, 40),
    )
    async def test_whatever_is_posted_signed_or_not_is_never_an_error_of_ours(
        self, one_of_each: list[Line], garbage: bytes, start: float, length: int
    ) -> None:
        async def story(line: Line) -> None:
            whole = line.simulator.text(line.somebody(), "Hola", "a message")
            at = int(start * len(whole))
            damaged = whole[:at] + garbage + whole[at + length :]
            for body in (garbage, damaged):
                unsigned = Webhook(line.url, {"content-type": line.simulator.content_type}, body, utc_now())
                assert (await line.post(unsigned)).status_code == 401, (line.fake_provider.label(), body)
                answer = await line.post(line.simulator.sign(unsigned))
                assert answer.status_code in {200, 401}, (line.fake_provider.label(), body, answer.text)

        await asyncio.gather(*map(story, one_of_each))

    async def test_a_signed_but_unreadable_webhook_is_stored(self, one_of_each: list[Line]) -> None:
        for line in one_of_each:
            garbage = f"% {new_id()}"
            await line.post_accepted(line.webhook(garbage.encode()))
            kept = await UnmatchedEvent.find_one({"integration_id": line.integration_id, "body": garbage})
            assert (line.fake_provider.label(), kept is not None) == (line.fake_provider.label(), True)
