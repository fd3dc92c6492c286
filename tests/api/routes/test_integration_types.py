"""The catalogue of integrations: channels, their providers and the settings that each needs."""

from tests.api.support import mobile
from tests.iris import Iris


async def test_the_catalogue_has_every_channel_with_its_providers_and_what_they_take(iris: Iris) -> None:
    response = await iris.http.get("/v1/integration-types")
    types = {item["name"]: item for item in response.json()["payload"]["items"]}
    assert types.keys() == {"SMS", "WhatsApp", "RCS", "Email", "FacebookMessenger"}
    sms = {provider["name"]: provider for provider in types["SMS"]["providers"]}
    assert sms.keys() == {"sandbox", "sinch", "twilio", "vonage"}
    assert sms["twilio"]["capabilities"] == {
        "payloadTypes": ["simple-text"],
        "maxDestinations": 1,
        "maxTextLength": 1600,
        "idempotentSend": False,
        "reportsDelivery": True,
        "reportsReads": False,
        "findsSent": True,
        "throttle": {"rate": 1, "unit": "segment", "burst": 1, "perRecipient": None},
        "answeredOptOuts": ["cancel", "end", "optout", "quit", "revoke", "stop", "stopall", "unsubscribe"],
    }
    assert sms["twilio"]["credentials"]["required"] == ["accountSid", "authToken"]
    assert sms["twilio"]["credentials"]["properties"]["authToken"]["writeOnly"] is True


async def test_the_catalogues_ids_are_those_that_interactions_show(iris: Iris) -> None:
    sent = (await iris.send("sms", mobile()))["integration"]
    types = (await iris.http.get("/v1/integration-types")).json()["payload"]["items"]
    (channel,) = [item for item in types if item["id"] == sent["integrationTypeId"]]
    titles = [it["title"] for it in channel["providers"] if it["id"] == sent["integrationTypeProviderId"]]
    assert (channel["name"], titles) == (sent["integrationTypeName"], [sent["integrationTypeProviderName"]])
