"""When a message may go: at its planned time, in its windows and the tenant's hours, and never after it has expired."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.channels import Channel
from domain.gate.category import Category
from domain.gate.decision import HOLDS, Decision, Go, HoldReason, Refuse, Wait
from domain.gate.presets import PRESETS
from domain.gate.schedule import AT_ONCE, PlannedTime, Schedule, Window
from domain.gate.scheduling import ScheduleCase, evaluate_schedule
from domain.gate.sending_rules import DEFAULT_SPREAD, SendingRule
from domain.gate.zone_choice import ZoneGuess
from domain.gate.zones import RecipientZones
from domain.texts import Language

MADRID = RecipientZones(ZoneGuess.NUMBER, ["Europe/Madrid"], "ES")
SPAIN = RecipientZones(ZoneGuess.NUMBER, ["Europe/Madrid", "Atlantic/Canary"], "ES")
TOKYO = RecipientZones(ZoneGuess.USER, ["Asia/Tokyo"], "JP")
RULE = SendingRule.model_validate({"windows": [{"from": "09:00", "to": "21:00"}], "spread": "PT0S"})


def madrid(local: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/Madrid")).astimezone(UTC)


def planned(local: str) -> PlannedTime:
    return PlannedTime(instant=madrid(local), local=local, zone="Europe/Madrid")


def decide(
    now: datetime,
    schedule: Schedule = AT_ONCE,
    *recipients: RecipientZones,
    category: Category = Category.MARKETING,
    rules: tuple[SendingRule, ...] = (),
    interaction_id: str = "1",
) -> Decision:
    case = ScheduleCase(interaction_id, schedule, category, Channel.SMS, recipients or [MADRID], rules)
    return evaluate_schedule(case, now)


def refusal(decision: Decision) -> str:
    assert isinstance(decision, Refuse)
    assert decision.problem.message()
    return decision.problem.code


def wait(decision: Decision) -> Wait:
    assert isinstance(decision, Wait)
    return decision


NIGHT, NOON = madrid("2027-03-01T23:00"), madrid("2027-03-01T12:00")


def test_a_message_that_nothing_holds_goes() -> None:
    assert decide(NIGHT) == Go()


def test_a_planned_message_waits_for_its_time_and_then_goes() -> None:
    schedule = Schedule(send_at=planned("2027-03-28T02:30"))  # a time that the clock skips
    assert decide(NOON, schedule) == Wait(until=madrid("2027-03-28T03:00"), reason=HoldReason.SCHEDULED)
    assert decide(madrid("2027-03-28T03:00"), schedule) == Go()


def test_a_planned_time_of_the_recipient_tells_the_guess_of_its_zone() -> None:
    time = PlannedTime(instant=NOON, local="2027-03-02T09:00", zone="recipient")
    waiting = wait(decide(NOON, Schedule(send_at=time), SPAIN))
    assert waiting.until == madrid("2027-03-02T09:00")
    assert [choice.guess for choice in waiting.zones] == [ZoneGuess.NUMBER_MAIN]


def test_a_planned_time_is_computed_again_on_waking() -> None:
    outdated = PlannedTime(instant=NOON, local="2027-03-02T09:00", zone="Europe/Madrid")
    assert wait(decide(NOON, Schedule(send_at=outdated))).until == madrid("2027-03-02T09:00")


def test_a_message_outside_its_window_waits_for_the_opening() -> None:
    waiting = wait(decide(NIGHT, rules=(RULE,)))
    assert (waiting.until, waiting.reason) == (madrid("2027-03-02T09:00"), HoldReason.WINDOW)
    assert decide(NOON, rules=(RULE,)) == Go()


def test_a_planned_time_outside_the_window_moves_to_the_opening() -> None:
    schedule = Schedule(send_at=planned("2027-03-05T23:00"))
    waiting = wait(decide(NOON, schedule, rules=(RULE,)))
    assert (waiting.until, waiting.reason) == (madrid("2027-03-06T09:00"), HoldReason.WINDOW)


def test_the_callers_window_and_the_tenants_rules_both_count() -> None:
    evening = Window.model_validate({"from": "18:00", "to": "23:00"})
    assert wait(decide(NOON, Schedule(window=evening), rules=(RULE,))).until >= madrid("2027-03-01T18:00")
    assert wait(decide(NIGHT - timedelta(hours=1), Schedule(window=evening), rules=(RULE,))).until >= madrid(
        "2027-03-02T18:00"
    )


def test_a_message_that_ignores_the_rules_goes_at_night() -> None:
    assert decide(NIGHT, Schedule(ignores_rules=True), rules=(RULE,)) == Go()


def test_authentication_is_never_held() -> None:
    assert decide(NIGHT, category=Category.AUTHENTICATION, rules=(RULE,)) == Go()


def test_every_recipient_must_be_within_the_hours() -> None:
    opening = wait(decide(NIGHT, AT_ONCE, MADRID, TOKYO, rules=(RULE,))).until
    assert opening == madrid("2027-03-02T09:00")  # 17:00 in Tokyo
    assert wait(decide(madrid("2027-03-02T14:00"), AT_ONCE, MADRID, TOKYO, rules=(RULE,))).until > opening


def test_the_shared_hours_of_possible_zones_count_and_the_guess_is_told() -> None:
    waiting = wait(decide(NIGHT, AT_ONCE, SPAIN, rules=(RULE,)))
    assert waiting.until == madrid("2027-03-02T10:00")  # 09:00 in the Canary Islands
    assert "2 zonas horarias posibles" in waiting.sentence()
    assert "2 possible time zones" in waiting.sentence(Language.ENGLISH)


def test_a_toll_free_american_number_waits_for_hours_that_all_states_share() -> None:
    states = RecipientZones(ZoneGuess.NUMBER, ["America/New_York", "America/Los_Angeles", "Pacific/Honolulu"], "US")
    friday = madrid("2026-12-05T00:30")  # 18:30 in New York
    waiting = wait(decide(friday, AT_ONCE, states, rules=(*PRESETS["us-marketing"].rules,)))
    assert [choice.guess for choice in waiting.zones] == [ZoneGuess.NUMBER_SHARED]
    opening = datetime(2026, 12, 5, 10, tzinfo=ZoneInfo("Pacific/Honolulu"))  # 15:00 in New York, where 17:00 ends it
    assert opening <= waiting.until < opening + DEFAULT_SPREAD


def test_windows_that_are_never_open_together_refuse_the_message() -> None:
    night = Window.model_validate({"from": "22:00", "to": "06:00"})
    assert refusal(decide(NIGHT, Schedule(window=night), rules=(RULE,))) == "window_never_opens"


def test_an_expired_message_is_refused() -> None:
    schedule = Schedule(expire_at=PlannedTime(instant=NOON))
    assert decide(NOON - timedelta(seconds=1), schedule) == Go(expires=NOON)
    assert refusal(decide(NOON, schedule)) == "expired"


def test_a_message_that_expires_before_the_next_opening_is_refused_at_once() -> None:
    schedule = Schedule(expire_at=planned("2027-03-02T09:00"))
    assert refusal(decide(NIGHT, schedule, rules=(RULE,))) == "expires_before_window"
    assert isinstance(decide(NIGHT, Schedule(expire_at=planned("2027-03-02T09:01")), rules=(RULE,)), Wait)


# Spread


SPREAD = RULE.model_copy(update={"spread": None})


def test_sends_are_spread_over_the_time_after_an_opening() -> None:
    opening = madrid("2027-03-02T09:00")
    delays = [wait(decide(NIGHT, rules=(SPREAD,), interaction_id=f"{number}")).until - opening for number in range(200)]
    assert all(timedelta() <= delay < DEFAULT_SPREAD for delay in delays)
    for minute in range(5):
        assert 20 <= sum(timedelta(minutes=minute) <= delay < timedelta(minutes=minute + 1) for delay in delays) <= 60


def test_a_send_has_the_same_instant_whenever_it_is_asked_for() -> None:
    assert decide(NIGHT, rules=(SPREAD,)) == decide(NIGHT + timedelta(hours=3), rules=(SPREAD,))


SHORT = Window.model_validate({"from": "09:00", "to": "09:01"})


@pytest.mark.parametrize(
    ("schedule", "end"),
    [
        (Schedule(window=SHORT), "2027-03-02T09:01"),
        (Schedule(window=SHORT, expire_at=planned("2027-03-02T09:00:30")), "2027-03-02T09:00:30"),
    ],
)
def test_a_send_is_never_spread_beyond_its_window_or_its_validity(schedule: Schedule, end: str) -> None:
    instants = [wait(decide(NIGHT, schedule, interaction_id=f"{number}")).until for number in range(100)]
    assert madrid("2027-03-02T09:00") <= min(instants) < max(instants) < madrid(end)


# Waking


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from([MADRID, SPAIN, TOKYO]),
    st.sampled_from([rule for preset in PRESETS.values() for rule in preset.rules]),
    st.text(max_size=5),
)
def test_a_message_that_waited_goes_when_it_wakes(
    now: datetime, recipient: RecipientZones, rule: SendingRule, interaction_id: str
) -> None:
    rules = (rule.model_copy(update={"country": None, "channel": None}),)
    decision = decide(now, AT_ONCE, recipient, rules=rules, interaction_id=interaction_id)
    if isinstance(decision, Wait):
        assert decision.until > now
        assert decide(decision.until, AT_ONCE, recipient, rules=rules, interaction_id=interaction_id) == Go()


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("reason", HoldReason)
def test_every_wait_has_a_sentence_with_its_end(reason: HoldReason, language: Language) -> None:
    assert HOLDS.keys() == set(HoldReason)
    assert "2027-03-01T11:00:00.000Z" in Wait(until=NOON, reason=reason).sentence(language)
