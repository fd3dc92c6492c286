"""Opt-outs that providers report, by the refusal of a send or by an event, refuse later sends."""

from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from activities.record import MongoRecord
from domain.channels import Channel
from domain.clock import to_milliseconds, to_wire, utc_now
from domain.events import ProviderEvent
from domain.gate.category import Category
from domain.gate.consent import ConsentScope, ConsentSource
from domain.interaction import RecordedEvent
from domain.notes import Note
from domain.status import Milestone, Status
from models.consent import Consent
from models.soft_bounces import SoftBounces
from queries import consents
from tests.activities.factories import CONSENTS, GATE, NOW, PHONE, World, run
from tests.activities.test_record import SENT, change

RECORD: Final = MongoRecord(consents=CONSENTS)
MAIL: Final = "ana@example.com"
Line = tuple[str, Channel, str]
TWILIO: Final = ("twilio", Channel.SMS, PHONE)
VONAGE: Final = ("vonage", Channel.SMS, PHONE)
META: Final = ("meta", Channel.WHATSAPP, PHONE)
SMTP: Final = ("smtp", Channel.EMAIL, MAIL)
OUT: Final = ("Destinations[0]", "recipient_opted_out")


def refused(code: str, detail: str = "", at: datetime = NOW) -> dict[str, Any]:
    note = Note(code="rejected", details={"code": code, "failure": "destination", "detail": detail})
    return {"history": [{"date": at, "status": Status.PROVIDER_SENDING_ERROR, "notes": note}]}


def reported(
    provider_status: str, code: str | None = None, destination: str | None = None, at: datetime = NOW
) -> dict[str, Any]:
    event = ProviderEvent(
        key="one", provider_status=provider_status, milestone=Milestone.FAILED, code=code, destination=destination
    )
    return {"received": [RecordedEvent(id="one", received_at=at, event=event, status=Status.SENT, applied=True)]}


@pytest.mark.parametrize(
    ("line", "report", "refuses"),
    [
        (TWILIO, refused("21610"), {Category.TRANSACTIONAL, Category.MARKETING}),
        (TWILIO, reported("failed", "21610"), {Category.TRANSACTIONAL, Category.MARKETING}),
        (TWILIO, refused("21614"), set[Category]()),
        (VONAGE, reported("rejected", "1240"), {Category.TRANSACTIONAL, Category.MARKETING}),
        (VONAGE, refused("1240", "The user has opted out."), {Category.TRANSACTIONAL, Category.MARKETING}),
        (META, reported("failed", "131050"), {Category.MARKETING}),
        (META, reported("failed", "21610"), set[Category]()),
        (SMTP, reported("failed", "5.1.1", MAIL), {Category.TRANSACTIONAL, Category.MARKETING}),
        (SMTP, refused("550", "5.1.10 null MX"), {Category.TRANSACTIONAL, Category.MARKETING}),
        (SMTP, reported("complaint", None, MAIL), {Category.MARKETING}),
        (SMTP, reported("failed", "4.2.2", MAIL), set[Category]()),
        (SMTP, reported("failed", "5.1.1", "other@example.com"), set[Category]()),
    ],
)
async def test_what_a_provider_reports_refuses_later_sends(
    world: World, line: Line, report: dict[str, Any], refuses: set[Category]
) -> None:
    provider, channel, to = line
    integration = await world.integration(channel, provider=provider)
    submission = await world.submission(integration, destinations=[to])
    await world.register(submission)
    step = change(submission.interaction_id, 2, SENT, **report)
    for _ in range(2):
        await run(RECORD.record, step)
    for category in (Category.TRANSACTIONAL, Category.MARKETING):
        later = await world.submission(integration, destinations=[to], category=category)
        problems = [(problem.field, problem.code) for problem in await CONSENTS.problems_of(later.recipients)]
        assert problems == ([OUT] if category in refuses else [])
    stored = await Consent.find({"tenant": world.tenant}).to_list()
    assert len(stored) == bool(refuses)
    assert all(one.evidence.interaction_id == submission.interaction_id for one in stored)


async def test_a_third_soft_bounce_within_fourteen_days_pauses_the_address_for_fourteen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = to_milliseconds(utc_now())
    integration = await world.integration(Channel.EMAIL, provider="smtp")
    other_sender = await world.integration(Channel.EMAIL, provider="smtp")

    async def problems(days_later: float) -> list[tuple[str, dict[str, str | int]]]:
        later = await world.submission(other_sender, destinations=[MAIL], category=Category.AUTHENTICATION)
        monkeypatch.setattr(consents, "utc_now", lambda: now + timedelta(days=days_later))
        return [(one.code, one.details) for one in await CONSENTS.problems_of(later.recipients)]

    reports = [
        reported("failed", "4.2.2", MAIL, now),
        refused("552", "5.2.2 mailbox full", now),
        reported("expired", "4.4.7", at=now),
    ]
    others = [reported("delayed", "4.4.1", at=now), reported("failed", "4.7.1", at=now)]
    for number, report in enumerate([*others, *reports]):
        assert await problems(0) == [], number
        submission = await world.submission(integration, destinations=[MAIL])
        await world.register(submission)
        for _ in range(2):
            await run(RECORD.record, change(submission.interaction_id, 2, SENT, **report))
    [pause] = await Consent.find({"tenant": world.tenant}).to_list()
    assert (pause.source, pause.scope, pause.until) == (
        ConsentSource.BOUNCE,
        ConsentScope.ADDRESS,
        now + timedelta(days=14),
    )
    details = {"destination": MAIL, "until": to_wire(now + timedelta(days=14))}
    assert await problems(13.9) == [("recipient_paused", details)]
    assert await problems(14) == []
    await CONSENTS.delete(pause)
    assert await SoftBounces.find({"tenant": world.tenant}).to_list() == []


async def test_a_report_that_names_none_of_several_recipients_opts_nobody_out(world: World) -> None:
    integration = await world.integration(Channel.EMAIL, provider="smtp")
    submission = await world.submission(integration, destinations=[MAIL, "luis@example.com"])
    await world.register(submission)
    await run(RECORD.record, change(submission.interaction_id, 2, SENT, **reported("complaint")))
    assert await Consent.find({"tenant": world.tenant}).to_list() == []


async def test_a_refusal_names_the_position_in_the_callers_list(world: World) -> None:
    """Destinations that are not valid and those of erased users count."""
    integration = await world.integration(Channel.EMAIL, provider="smtp")
    refusing = await world.submission(integration, destinations=[MAIL])
    await world.register(refusing)
    await run(RECORD.record, change(refusing.interaction_id, 2, SENT, **refused("550", "5.1.1 unknown")))
    out = [("Destinations[1]", "recipient_opted_out")]
    invalid_before = await world.submission(integration, destinations=["nobody", MAIL])
    assert [(one.field, one.code) for one in await GATE.refusals_of(invalid_before.recipients)] == out
    held = await world.submission(integration, destinations=["luis@example.com", MAIL])
    await world.register(held)
    stored = await world.stored(held)
    erased = stored.destinations[0].model_copy(update={"value": ""})
    stored.destinations = [erased, stored.destinations[1]]
    assert [(one.field, one.code) for one in await GATE.refusals_of(stored.recipients)] == out
