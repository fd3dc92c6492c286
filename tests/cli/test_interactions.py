"""`iris interactions`: output for people and for programs."""

from datetime import timedelta

from domain.clock import to_wire, utc_now
from embedded.processes import until
from models.interaction import Interaction
from tests.api.support import SILENT, mobile, verdicts
from tests.cli.running import Command, payload
from tests.iris import Iris

THROTTLED = "34600000005"


async def test_interactions_are_found_shown_followed_and_explained(iris: Iris, command: Command) -> None:
    sent = await iris.send("whatsapp", mobile())
    await iris.until_status(sent["id"], "COMPLETED")
    filters = ("--process", sent["processId"], "--status", "SENT", "--status", "COMPLETED", "--text", "Mañana")
    assert [row["id"] for row in (await payload(command, "interactions", "list", *filters))["items"]] == [sent["id"]]
    shown = await command("interactions", "list", *filters)
    assert all(text in shown for text in (sent["id"], "COMPLETED", "out", " Su cita es mañana"))
    english = await iris.http.get(f"/v1/interactions/{sent['id']}", headers={"Accept-Language": "en"})
    assert await payload(command, "interactions", "show", sent["id"]) == english.json()["payload"]
    silent = await iris.send("sms", SILENT)
    await iris.until_status(silent["id"], "SENT")
    explained = await command("interactions", "explain", silent["id"])
    assert "The provider has it. It waits for the receipt of delivery until" in explained
    assert "its workflow: running" in explained
    assert "COMPLETED  delivered" in await command("interactions", "watch", sent["id"])


async def test_more_than_a_page_is_read_page_after_page(iris: Iris, command: Command) -> None:
    first = await iris.send("sms", mobile())
    again = await iris.send("sms", mobile(), processId=first["processId"])
    filters = ("--process", first["processId"])
    newest = await payload(command, "interactions", "list", *filters, "--limit", "1")
    assert [row["id"] for row in newest["items"]] == [again["id"]]
    rest = await payload(command, "interactions", "list", *filters, "--cursor", newest["nextCursor"])
    assert ([row["id"] for row in rest["items"]], rest["nextCursor"]) == ([first["id"]], None)


async def test_an_interaction_is_cancelled_and_sent_again(iris: Iris, command: Command) -> None:
    sent = await iris.send("sms", THROTTLED)

    async def is_tried() -> bool:
        return bool(await verdicts(iris, sent["id"]))

    await until(is_tried)
    assert "cancelled" in await command("interactions", "cancel", sent["id"])
    again = await payload(command, "interactions", "resend", sent["id"], "--idempotency-key", sent["id"])
    assert again["metadata"]["resendOf"] == sent["id"]
    assert f"it repeats {sent['id']}" in await command("interactions", "explain", again["id"])


async def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(command: Command, iris: Iris) -> None:
    number = mobile()
    integration = iris.demo.integrations["sms"]
    shown = await command("send", number, "--integration", integration, "--text", "Su cita es mañana ✓", "--dry-run")
    for text in (
        "nothing was sent or stored",
        f"to {number}: a new user, a new process",
        "SMS: UCS-2, segments: 1",
        "cita",
    ):
        assert text in shown, text
    would_be = await payload(command, "send", number, "--integration", integration, "--text", "Hola", "--dry-run")
    assert would_be["dryRun"]
    assert not await Interaction.find({"destinations.value": number}).count()


async def test_a_message_is_sent_in_order_with_the_callers_own_names(iris: Iris, command: Command) -> None:
    options = (
        "--integration",
        iris.demo.integrations["sms"],
        "--text",
        "Hola",
        "--metadata",
        "n=1",
        "-k",
        "order=4711",
    )
    first = await payload(command, "send", SILENT, *options, "--in-order")
    process = ("--process", first["processId"], "--in-order", "--order-after", "delivered", "--order-timeout", "PT15M")
    second = await payload(command, "send", SILENT, *options, *process, "--stop-on-failure")
    assert (second["metadata"]["n"], second["primaryKey"], second["customStatus"]) == (
        "1",
        {"order": "4711"},
        "in_order",
    )
    changed = await payload(command, "processes", "update", first["processId"], "--in-order", "--order-timeout", "PT5M")
    assert (changed["inOrder"], changed["orderTimeout"]) == (True, "PT5M")


async def test_a_message_is_planned_counted_and_rescheduled(iris: Iris, command: Command) -> None:
    planned = ("--send-at", to_wire(utc_now() + timedelta(days=3)), "--valid-for", "P1D", "--text", "Hola")
    channel = ("--integration", iris.demo.integrations["sms"])
    assert "Scheduled for" in await command("send", mobile(), *channel, *planned, "--dry-run")
    sent = await payload(command, "send", mobile(), *channel, *planned)
    assert sent["customStatus"] == "scheduled"
    assert "scheduled" in await command("interactions", "waiting")
    listed = await payload(command, "interactions", "list", "--waiting-for", "scheduled")
    assert sent["id"] in [row["id"] for row in listed["items"]]
    assert "Scheduled for" in await command("interactions", "explain", sent["id"])
    assert (await payload(command, "interactions", "reschedule", sent["id"], "--now"))["held"] is None
    await iris.until_status(sent["id"], "COMPLETED")
