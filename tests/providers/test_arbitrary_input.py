"""Arbitrary input from providers or impostors: parsed or refused, within bounds.

Every provider is tested by its fake providers and its recorded bodies, without further code.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from http import HTTPStatus

import bson
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.events import InboundMessage, UnreadableItem, WebhookItem
from domain.identifiers import MAX_FOREIGN_ID_LENGTH
from domain.outcomes import MAX_DETAIL_LENGTH, Accepted, Outcome, OutcomeUnknown, Rejected
from providers import PROVIDERS
from providers.base import AnyProvider, TransientError, UnreadableError, UnverifiedError, Webhook
from tests.plain_http import plain_client
from tests.providers.arbitrary import damaged, receipts, recorded, spoiled, webhooks
from tests.providers.fake_provider import FakeProvider
from tests.providers.fake_providers import FAKE_PROVIDERS
from tests.providers.fake_providers.smtp import SmtpEmail
from tests.providers.loopback import HttpFakeProvider, answer
from tests.providers.smtp.servers import POLITE, scripted_server

LARGEST = 8_000
"""Characters of an item as JSON, except for the content of an inbound message."""

each_fake_provider = pytest.mark.parametrize(
    "fake_provider", FAKE_PROVIDERS, ids=lambda fake_provider: fake_provider.label()
)


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with plain_client(timeout=httpx2.Timeout(2), follow_redirects=False) as client:
        yield client


def read(provider: AnyProvider, webhook: Webhook) -> Sequence[WebhookItem]:
    """Parse a webhook; empty if it is unreadable."""
    try:
        return provider.parse(webhook)
    except UnreadableError:
        return []


def assert_can_be_stored(item: WebhookItem) -> None:
    """Check that an item passes through Temporal and MongoDB unchanged, and is of bounded length."""
    wire = item.model_dump_json()
    assert type(item).model_validate_json(wire) == item
    bson.encode(item.model_dump())
    if isinstance(item, UnreadableItem):
        return
    if isinstance(item, InboundMessage):
        assert len(item.model_copy(update={"payload": {}}).model_dump_json()) < LARGEST
        return
    assert len(wire) < LARGEST
    assert 0 < len(item.key) <= MAX_FOREIGN_ID_LENGTH
    assert item.provider_status == item.provider_status.lower() != ""
    assert len(item.detail) <= MAX_DETAIL_LENGTH


class TestWebhooks:
    @each_fake_provider
    @settings(max_examples=24)
    @given(data=st.data())
    def test_every_item_can_be_stored_and_is_parsed_alike_again(
        self, fake_provider: type[FakeProvider], http: httpx2.AsyncClient, data: st.DataObject
    ) -> None:
        provider, webhook = fake_provider().open(http), data.draw(webhooks(fake_provider))
        items = read(provider, webhook)
        assert items == read(provider, webhook)
        for one in items:
            assert_can_be_stored(one)

    @each_fake_provider
    def test_each_value_of_a_receipt_may_be_anything(
        self, fake_provider: type[FakeProvider], http: httpx2.AsyncClient
    ) -> None:
        provider = fake_provider().open(http)
        for whole in receipts(fake_provider):
            for body in spoiled(whole.body):
                for one in read(provider, replace(whole, body=body)):
                    assert_can_be_stored(one)

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_every_provider_but_the_sandbox_has_recordings(self, provider: str) -> None:
        assert bool(recorded(provider)) is (provider != "sandbox")  # whose server is ours

    @each_fake_provider
    @settings(max_examples=12)
    @given(data=st.data())
    def test_whatever_headers_come_are_a_signature_or_are_not(
        self, fake_provider: type[FakeProvider], http: httpx2.AsyncClient, data: st.DataObject
    ) -> None:
        whole = data.draw(st.sampled_from(receipts(fake_provider)))
        name = data.draw(st.sampled_from(sorted(whole.headers)) | st.just("authorization"))
        value = whole.headers.get(name, "")
        start = data.draw(st.integers(0, len(value)))
        end = data.draw(st.integers(start, len(value)))
        latin = st.text(st.characters(max_codepoint=255), max_size=40)
        inserted = data.draw(st.sampled_from(["", "=", ".", ",", "v1=", "9" * 5_000, "1e9", "-1", "٣"]) | latin)
        headers = {**whole.headers, name: value[:start] + inserted + value[end:]}
        body = data.draw(st.just(whole.body) | damaged(whole.body))
        url = whole.url + data.draw(st.sampled_from(["", "?", "?%", "#", "?bodySHA256=%ff"]))
        try:
            fake_provider().open(http).verify(replace(whole, url=url, headers=headers, body=body))
        except UnverifiedError:
            return


STATUSES = [200, 201, 202, 204, 301, 307, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503]
"""Successes, redirections, refusals, and statuses of proxies."""

WAITS = ["7", "-1", "9" * 5_000, "Fri, 99 Foo 0000 99:99:99", "Mon, 01 Jan 0001 00:00:00 +2359", "\u00b2", ""]
FIELDS = {
    "retry_after": st.sampled_from(WAITS),
    "content_encoding": st.sampled_from(["gzip", "br", "identity, deflate"]),
    "location": st.sampled_from(["/", "http://[", "file:///etc/passwd"]),
}
CONTENT_TYPES = ["application/json", "application/json; charset=nonsense", "text/html"]


@pytest.fixture(scope="module")
async def listening(request: pytest.FixtureRequest) -> AsyncIterator[FakeProvider]:
    async with request.param() as fake_provider:
        yield fake_provider


OVER_HTTP = [fake_provider for fake_provider in FAKE_PROVIDERS if issubclass(fake_provider, HttpFakeProvider)]


async def judged(provider: AnyProvider, fake_provider: FakeProvider) -> Outcome | TransientError:
    """Outcome of sending a message."""
    try:
        return await provider.send(fake_provider.outbound())
    except TransientError as error:
        return error


def assert_can_be_recorded(outcome: Outcome) -> None:
    assert isinstance(outcome, Accepted | Rejected | OutcomeUnknown)
    wire = outcome.model_dump_json()
    assert type(outcome).model_validate_json(wire) == outcome
    assert len(wire) < LARGEST
    bson.encode(outcome.model_dump())


class TestAnswers:
    @pytest.mark.parametrize("listening", OVER_HTTP, ids=lambda fake_provider: fake_provider.label(), indirect=True)
    @settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data(), status=st.sampled_from(STATUSES))
    async def test_whatever_is_answered_over_http_is_judged_and_never_sent_again_after_a_success(
        self, listening: HttpFakeProvider, http: httpx2.AsyncClient, data: st.DataObject, status: int
    ) -> None:
        answers = st.sampled_from(recorded(listening.provider.name) or [b"{}"]).flatmap(damaged)
        body = data.draw(answers | st.binary(max_size=50))
        headers = data.draw(st.fixed_dictionaries({}, optional=FIELDS))
        listening.answer_always(answer(status, body, data.draw(st.sampled_from(CONTENT_TYPES)), **headers))
        attempts = listening.attempts
        outcome = await judged(listening.open(http), listening)
        assert len(str(outcome)) < LARGEST
        if isinstance(outcome, TransientError):
            assert status >= HTTPStatus.BAD_REQUEST
        else:
            assert_can_be_recorded(outcome)
            assert status >= HTTPStatus.MULTIPLE_CHOICES or not isinstance(outcome, Rejected)
        # A refused token may be replaced by another one.
        assert 1 <= listening.attempts - attempts <= (2 if status == HTTPStatus.UNAUTHORIZED else 1)

    @settings(max_examples=15)
    @given(
        command=st.sampled_from([command for command in POLITE if command != "QUIT"]),
        code=st.integers(0, 999) | st.sampled_from([220, 250, 354, 421, 450, 550]),
        text=st.binary(max_size=60) | st.just(b"x" * 20_000),
    )
    async def test_whatever_a_mail_server_replies_is_judged_and_never_sent_again_once_it_said_yes(
        self, http: httpx2.AsyncClient, command: str, code: int, text: bytes
    ) -> None:
        reply = b"%03d " % code + text.replace(b"\n", b"") + b"\r\n"
        fake_provider = SmtpEmail()
        async with scripted_server(**{command: reply}) as (server, fake_provider.port):
            outcome = await judged(fake_provider.open(http), fake_provider)
        assert len(str(outcome)) < LARGEST
        if isinstance(outcome, TransientError):
            assert not server.bodies or 400 <= code < 500
        else:
            assert_can_be_recorded(outcome)
