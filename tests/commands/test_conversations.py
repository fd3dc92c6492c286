"""`iris processes`: what people see, and what programs get."""

from domain.identifiers import new_id
from tests.api.support import mobile
from tests.commands.running import Command, payload
from tests.iris import Iris


async def test_a_process_is_created_listed_shown_closed_and_opened_again(iris: Iris, command: Command) -> None:
    number, campaign = mobile(), new_id()
    user = await payload(command, "users", "create", "Ana", "--phone", number)
    options = ("--user", user["id"], "--draft", "--metadata", f"campaign={campaign}")
    process = await payload(command, "processes", "create", iris.demo.integrations["sms"], *options)
    filters = ("--user", user["id"], "--open", "--draft")
    assert (await payload(command, "processes", "list", *filters))["items"] == [process]
    assert "open, draft" in await command("processes", "list", *filters)
    begun = await payload(command, "processes", "update", process["id"], "--begun", "-m", f"campaign={campaign}")
    assert (begun["isDraft"], begun["metadata"]) == (False, {"campaign": campaign})
    sent = await iris.send("sms", number, processId=process["id"])
    shown = await command("processes", "show", process["id"])
    assert all(text in shown for text in (process["id"], campaign, sent["id"], "out"))
    for name, is_closed in (("close", True), ("reopen", False)):
        assert (await payload(command, "processes", name, process["id"]))["isClosed"] is is_closed


async def test_what_a_message_to_a_closed_one_does_is_chosen(command: Command) -> None:
    assert (await payload(command, "processes", "inbound-to-closed", "reopen"))["inboundToClosed"] == "reopen"
    assert await command("processes", "inbound-to-closed") == "reopen\n"
    assert await command("processes", "inbound-to-closed", "replace") == "replace\n"
