"""A tenant's own keywords: set, refused and used for what its recipients write."""

from contextlib import aclosing

from activities.inbound import MongoInbound
from domain.clock import utc_now
from domain.destinations import DestinationKind
from domain.events import InboundMessage
from domain.identifiers import new_id
from domain.inbound import ReceivedMessage
from integrations.references import to_reference
from models.integration import Integration
from queries.consents import Consents
from tests.activities.factories import run
from tests.api.resource_factories import owner_of_everything
from tests.api.support import mobile, reasons
from tests.iris import Iris


async def test_a_tenants_own_keyword_opts_its_recipients_out(iris: Iris) -> None:
    owner = await owner_of_everything(iris, f"keywords-{new_id()}")
    async with aclosing(owner.http) as http:
        own = {"optOut": {"es": ["No molestar"]}, "optIn": {}}
        changed = await http.patch("/v1/tenant", json={"keywords": own})
        assert changed.json()["payload"]["keywords"] == own
        for wrong, field in (
            ({"optIn": {"es": ["STOP"]}}, "keywords"),
            ({"optOut": {"es": ["sí"]}, "optIn": {"es": ["SI"]}}, "keywords"),
            ({"optOut": {"es": ["!"]}}, "keywords.optOut.es[0]"),
        ):
            assert reasons(await http.patch("/v1/tenant", json={"keywords": wrong}), 422) == [(field, "invalid")]
        assert (await http.get("/v1/tenant")).json()["payload"]["keywords"] == own
        number, integration_id = mobile(), owner.demo.integrations["sms"]
        integration = await Integration.get(integration_id)
        assert integration is not None
        message = InboundMessage(
            provider_message_id=new_id(),
            sender=number,
            sender_kind=DestinationKind.PHONE_NUMBER,
            payload={"Type": "simple-text", "Text": "¡NO MOLESTAR, por favor!"},
        )
        inbound = ReceivedMessage(
            interaction_id=new_id(),
            tenant=owner.demo.tenant,
            integration=to_reference(integration),
            message=message,
            received_at=utc_now(),
        )
        await run(MongoInbound(Consents()).receive, inbound)
        received = await http.get(f"/v1/interactions/{inbound.interaction_id}")
        assert received.json()["payload"]["metadata"]["optOut"] is True
        request = iris.request("sms", number, integrationId=integration_id, dryRun=True)
        refused = await http.post("/v1/interactions", json=request)
        assert reasons(refused, 409) == [("Destinations[0]", "recipient_opted_out")]
