"""`iris processes`: output for people and for programs."""

from domain.identifiers import new_id
from tests.api.support import mobile
from tests.cli.running import Command, payload
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


async def test_the_handling_of_messages_to_closed_processes_is_configurable(command: Command) -> None:
    assert (await payload(command, "processes", "inbound-to-closed", "reopen"))["inboundToClosed"] == "reopen"
    assert await command("processes", "inbound-to-closed") == "reopen\n"
    assert await command("processes", "inbound-to-closed", "replace") == "replace\n"


async def test_the_inbox_is_sorted_by_the_last_message(iris: Iris, command: Command) -> None:
    order = new_id()
    options = ("--draft", "--primary-key", f"order={order}")
    process = await payload(command, "processes", "create", iris.demo.integrations["sms"], *options)
    by_key = ("--primary-key", f"order={order}")
    assert (await payload(command, "processes", "list", *by_key))["items"] == [process]
    assert (await payload(command, "processes", "list", *by_key, "--by-activity"))["items"] == []
    sent = await iris.send("sms", mobile(), processId=process["id"])
    inbox = ("--last", "out", "--answered", "--active-since", sent["auditTrail"]["created"], *by_key)
    assert sent["auditTrail"]["created"] in await command("processes", "list", *inbox)
    for other in (("--last", "in"), ("--unanswered",), ("--active-until", sent["auditTrail"]["created"])):
        assert (await payload(command, "processes", "list", *by_key, *other))["items"] == []
