"""One-click unsubscribe links of marketing e-mails, as a real mail server receives them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest
from pydantic import JsonValue

from activities.attachments import Files
from activities.bulkheads import KeyedLimiter
from activities.dispatch import ProviderDispatch
from activities.interfaces import Dispatch
from activities.internal_faults import InternalFaults
from activities.unsubscribing import UnsubscribeUrls
from domain.channels import Channel
from domain.destinations import Destination, DestinationKind
from domain.gate.category import Category
from domain.identifiers import new_id
from domain.outcomes import Accepted
from integrations.cache import Integrations
from integrations.provider_factory import ProviderFactory
from queries.consents import Consents
from security.signed_urls import FileUrls
from security.ssrf_guard import PRIVATE, AddressGuard
from security.unsubscribe_tokens import UnsubscribeToken
from tests.activities.factories import CONSENTS, VAULT, World, run
from tests.providers.smtp.mail import unused_http
from tests.providers.smtp.servers import LOOPBACK, Mailroom, mail_server

PUBLIC_URL = "https://iris.example.com"


class Sender(NamedTuple):
    """Sends e-mails of a tenant to a mail server on loopback."""

    world: World
    integration_id: str
    mailroom: Mailroom

    async def sent(
        self, category: Category, *to: str, public_url: str = PUBLIC_URL, **payload: JsonValue
    ) -> tuple[str, str | None, str | None]:
        """Send an e-mail; return the interaction's id, and both headers as the server received them."""
        guard, files = AddressGuard(PRIVATE), Files(FileUrls("secret" * 8, public_url, timedelta(days=1)))
        activity = ProviderDispatch(
            ProviderFactory(VAULT, {"smtp": unused_http}, public_url, guard),
            KeyedLimiter(1),
            Integrations(timedelta()),
            files,
            UnsubscribeUrls(Consents(), public_url),
            InternalFaults("1@here"),
        )
        dispatch = Dispatch(
            interaction_id=new_id(),
            tenant=self.world.tenant,
            provider="smtp",
            integration_id=self.integration_id,
            payload={"Type": "email", "Subject": "Oferta", "Body": "Hola", **payload},
            destinations=[
                Destination(key=DestinationKind.EMAIL, value=address) for address in to or ("ana@example.com",)
            ],
            repeatable=False,
            category=category,
        )
        assert isinstance(await run(activity.dispatch, dispatch), Accepted)
        message = self.mailroom.received[-1].message
        return dispatch.interaction_id, message["List-Unsubscribe"], message["List-Unsubscribe-Post"]


@pytest.fixture
async def sender(world: World) -> AsyncIterator[Sender]:
    mailroom = Mailroom()
    async with mail_server(mailroom) as port:
        integration = await world.integration(
            Channel.EMAIL,
            provider="smtp",
            configuration={"host": LOOPBACK, "port": port, "security": "none", "sender": "Iris <iris@example.com>"},
            credentials=VAULT.encrypt({}),
        )
        yield Sender(world, integration.id, mailroom)


async def test_a_marketing_mail_has_a_link_that_names_its_recipient_unreadably(sender: Sender) -> None:
    interaction_id, link, post = await sender.sent(Category.MARKETING)
    assert link is not None
    assert link.startswith(f"<{PUBLIC_URL}/u/")
    assert post == "List-Unsubscribe=One-Click"
    token = UnsubscribeToken.parse(link.removeprefix(f"<{PUBLIC_URL}/u/").removesuffix(">"))
    person = await CONSENTS.person(sender.world.tenant, DestinationKind.EMAIL, "ana@example.com")
    assert token is not None
    assert (token.integration_id, token.interaction_id, token.person) == (sender.integration_id, interaction_id, person)
    assert await CONSENTS.has_signed(sender.world.tenant, token)
    assert not await CONSENTS.has_signed(f"other-{sender.world.tenant}", token)


async def test_no_other_mail_has_our_link(sender: Sender) -> None:
    copies: JsonValue = ["luis@example.com"]
    for link, post in (
        (await sender.sent(Category.TRANSACTIONAL))[1:],
        (await sender.sent(Category.MARKETING, "ana@example.com", "luis@example.com"))[1:],
        (await sender.sent(Category.MARKETING, Cc=copies))[1:],
        (await sender.sent(Category.MARKETING, Bcc=copies))[1:],
        (await sender.sent(Category.MARKETING, public_url="http://iris.example.com"))[1:],
    ):
        assert (link, post) == (None, None)
    _, link, _ = await sender.sent(Category.MARKETING, UnsubscribeUrl="https://acme.example/out")
    assert link == "<https://acme.example/out>"
