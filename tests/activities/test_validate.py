"""Validation: every reason is reported, all together, and nothing is written."""

from typing import Any

import pytest

from domain.channels import Channel
from domain.identifiers import new_id
from domain.interaction import DispatchPolicy
from domain.problems import MAX_PROBLEMS
from models.integration import Integration
from models.interaction import Interaction
from models.process import Process
from models.user import User
from tests.activities.factories import PHONE, World, phone

EMAIL = {"Type": "email", "Subject": "Cita", "Body": "Mañana"}


async def test_the_specifications_request_is_valid(world: World) -> None:
    validation = await world.validate(await world.submission())
    assert validation.problems == []
    assert [one.value for one in validation.destinations] == [PHONE]
    assert validation.policy == DispatchPolicy(repeatable=True, reports_delivery=True, reports_reads=False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"destinations": []}, [("Destinations", "empty")]),
        ({"destinations": ["no"]}, [("Destinations[0]", "bad_phone_number")]),
        ({"destinations": [PHONE, "34638766069"]}, [("Destinations", "too_many_destinations")]),
        (
            {"destinations": [PHONE, "+34 638 766 068"]},
            [("Destinations[1]", "duplicate_destination"), ("Destinations", "too_many_destinations")],
        ),
        ({"payload": {}}, [("payLoad.Type", "missing")]),
        ({"payload": EMAIL}, [("payLoad.Type", "not_allowed")]),
        ({"auto_create_user": False}, [("Destinations[0]", "user_not_found")]),
        ({"auto_create_process": False}, [("processId", "process_required")]),
        ({"process_id": "67c98902c362797495a603c1"}, [("processId", "process_not_found")]),
        ({"process_id": "no id at all"}, [("processId", "process_not_found")]),
    ],
)
async def test_each_reason_alone(world: World, changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert await world.problems(await world.submission(**changes)) == expected


async def test_every_reason_at_once(world: World) -> None:
    integration = await world.integration(Channel.EMAIL)
    addresses = [f"usuario{number}@dominio.com" for number in range(10)]
    submission = await world.submission(
        integration,
        payload={"Type": "email", "Body": 1, "Foo": 2},
        destinations=["no", *addresses, addresses[0]],
        auto_create_user=False,
        auto_create_process=False,
    )
    assert await world.problems(submission) == [
        ("payLoad.Body", "wrong_type"),
        ("payLoad.Foo", "unknown_field"),
        ("Destinations[0]", "bad_email"),
        ("Destinations[11]", "duplicate_destination"),
        ("Destinations", "too_many_destinations"),
        ("processId", "process_required"),
    ]


async def test_an_unknown_user_and_a_missing_process_are_reported_together(world: World) -> None:
    submission = await world.submission(auto_create_user=False, auto_create_process=False)
    assert await world.problems(submission) == [
        ("Destinations[0]", "user_not_found"),
        ("processId", "process_required"),
    ]


async def test_a_user_with_any_of_the_destinations_is_enough(world: World) -> None:
    integration = await world.integration(Channel.EMAIL)
    await world.user(phone(PHONE))
    submission = await world.submission(
        integration, payload=EMAIL, destinations=["a@correo.es", "b@correo.es"], auto_create_user=False
    )
    assert await world.problems(submission) == [("Destinations", "user_not_found")]
    assert await world.problems(await world.submission(auto_create_user=False)) == []


async def test_another_tenants_user_is_unknown(world: World) -> None:
    stranger = World(tenant=f"tenant-{new_id()}", gateway_url=world.gateway_url)
    await stranger.user(phone(PHONE))
    submission = await world.submission(auto_create_user=False)
    assert await world.problems(submission) == [("Destinations[0]", "user_not_found")]


@pytest.mark.parametrize("auto_create_process", [True, False])
async def test_an_open_process_is_enough(world: World, auto_create_process: bool) -> None:
    process = await world.process()
    submission = await world.submission(process_id=process.id, auto_create_process=auto_create_process)
    assert await world.problems(submission) == []


async def test_a_closed_process_is_refused(world: World) -> None:
    process = await world.process(is_closed=True)
    assert await world.problems(await world.submission(process_id=process.id)) == [("processId", "process_closed")]


async def test_another_tenants_process_does_not_exist(world: World) -> None:
    process = await World(tenant=f"tenant-{new_id()}", gateway_url=world.gateway_url).process()
    assert await world.problems(await world.submission(process_id=process.id)) == [("processId", "process_not_found")]


async def test_a_disabled_integration_is_refused(world: World) -> None:
    submission = await world.submission(await world.integration(enabled=False))
    assert await world.problems(submission) == [("integrationId", "integration_disabled")]


async def test_another_tenants_integration_does_not_exist(world: World) -> None:
    foreign = await World(tenant=f"tenant-{new_id()}", gateway_url=world.gateway_url).integration()
    submission = await world.submission(foreign)
    assert await world.problems(submission) == [("integrationId", "integration_not_found")]


async def test_a_text_longer_than_the_provider_takes_is_refused_with_the_limit(world: World) -> None:
    integration = await world.integration(provider="twilio")
    longest = await world.submission(integration, payload={"Type": "simple-text", "Text": "ñ" * 1600})
    assert await world.problems(longest) == []
    longer = await world.submission(integration, payload={"Type": "simple-text", "Text": "ñ" * 1601})
    (problem,) = (await world.validate(longer)).problems
    assert (problem.field, problem.code, problem.details) == ("payLoad.Text", "too_long", {"limit": 1600})


async def test_the_further_addresses_of_an_email_are_checked_too(world: World) -> None:
    submission = await world.submission(
        await world.integration(Channel.EMAIL),
        payload={**EMAIL, "Cc": ["a@correo.es", "no"], "Bcc": ["no"], "ReplyTo": "no"},
        destinations=["usuario@dominio.com"],
    )
    assert await world.problems(submission) == [
        ("payLoad.Cc[1]", "bad_email"),
        ("payLoad.Bcc[0]", "bad_email"),
        ("payLoad.ReplyTo", "bad_email"),
    ]


TOO_MUCH: dict[str, dict[str, Any]] = {
    "payload fields": {"payload": {**EMAIL} | {f"k{number}": 1 for number in range(20_000)}},
    "copies": {"payload": {**EMAIL, "Cc": ["no"] * 2_000}},
    "good copies": {"payload": {**EMAIL, "Bcc": [f"b{number}@correo.es" for number in range(2_000)]}},
    "destinations": {"destinations": ["no"] * 1_000},
    "everything": {"payload": {f"k{number}": 1 for number in range(20_000)}, "destinations": ["no"] * 1_000},
}


@pytest.mark.parametrize("excess", TOO_MUCH)
async def test_the_answer_is_bounded_however_many_problems_there_are(world: World, excess: str) -> None:
    integration = await world.integration(Channel.EMAIL)
    values = {"payload": EMAIL, "destinations": ["usuario@dominio.com"], **TOO_MUCH[excess]}
    submission = await world.submission(integration, **values)
    validation = await world.validate(submission)
    assert 1 <= len(validation.problems) <= MAX_PROBLEMS
    assert sum(len(problem.model_dump_json()) for problem in validation.problems) < 20_000


@pytest.mark.parametrize(("channel", "provider"), [(Channel.EMAIL, "twilio"), (Channel.SMS, "nobody")])
async def test_an_integration_whose_provider_does_not_serve_its_channel_is_misconfigured(
    world: World, channel: Channel, provider: str
) -> None:
    integration = await world.integration(channel)
    submission = await world.submission(integration)
    await integration.set({"provider": provider})
    (problem,) = (await world.validate(submission)).problems
    assert (problem.field, problem.code) == ("integrationId", "integration_misconfigured")
    assert f"{provider} / {channel}" in problem.message()


@pytest.mark.parametrize(("provider", "at_least_once"), [("sandbox", False), ("twilio", True)])
async def test_a_send_is_repeatable_if_the_provider_knows_repetitions_or_the_integration_asks(
    world: World, provider: str, at_least_once: bool
) -> None:
    integration = await world.integration(provider=provider, at_least_once=at_least_once)
    policy = (await world.validate(await world.submission(integration))).policy
    assert policy is not None
    assert policy.repeatable


async def test_a_send_is_not_repeatable_otherwise(world: World) -> None:
    policy = (await world.validate(await world.submission(await world.integration(provider="twilio")))).policy
    assert policy is not None
    assert not policy.repeatable


async def test_a_sandbox_that_is_configured_not_to_rely_on_its_gateway_sends_at_most_once(world: World) -> None:
    integration = await world.integration()
    await integration.set({"configuration": {**integration.configuration, "recognisesRepetitions": False}})
    policy = (await world.validate(await world.submission(integration))).policy
    assert policy is not None
    assert not policy.repeatable


async def test_validating_writes_nothing(world: World) -> None:
    submission = await world.submission()
    await world.validate(submission)
    await world.validate(submission.model_copy(update={"destinations": ["no"], "process_id": new_id()}))
    for model in (User, Process, Interaction):
        assert await model.find({"tenant": world.tenant}).count() == 0
    assert await Integration.find({"tenant": world.tenant}).count() == 1
