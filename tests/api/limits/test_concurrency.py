"""Concurrency limits: shares of tenants and integrations, and adaptation to MongoDB's and Temporal's capacity."""

from contextlib import ExitStack, suppress

import pytest

from api.limits.concurrency import AdaptiveLimiter, ConcurrencyLimiter
from domain.errors import InvalidRequestError, OverloadedError, UnavailableError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fill(limiter: ConcurrencyLimiter, held: ExitStack, tenant: str, integration_id: str = "") -> int:
    """Acquire as many slots as a tenant gets until the end of `held`; returns their number."""
    given = 0
    with suppress(OverloadedError):
        while True:
            held.enter_context(limiter.acquire(tenant, integration_id))
            given += 1
    return given


def capacity(limiter: ConcurrencyLimiter) -> int:
    """The number of slots for many tenants together; no request succeeds, so that no limit recovers."""
    given = 0
    with suppress(InvalidRequestError), ExitStack() as held:
        with suppress(OverloadedError):
            while True:
                held.enter_context(limiter.acquire(f"tenant-{given}"))
                given += 1
        raise InvalidRequestError([])
    return given


def fail(limiter: ConcurrencyLimiter) -> None:
    with suppress(UnavailableError), limiter.acquire("demo"):
        raise UnavailableError("Temporal")


def succeed(limiter: ConcurrencyLimiter) -> None:
    with limiter.acquire("demo"):
        pass


@pytest.mark.parametrize(("limit", "alone"), [(200, 177), (50, 44), (10, 8), (4, 3), (1, 1)])
def test_a_tenant_alone_uses_nearly_all_of_a_limit(limit: int, alone: int) -> None:
    with ExitStack() as held:
        assert fill(ConcurrencyLimiter(limit), held, "demo") == alone


def test_beside_one_that_takes_all_it_can_others_are_served() -> None:
    limiter = ConcurrencyLimiter(200)
    with ExitStack() as held:
        assert [fill(limiter, held, name) for name in ("greedy", "second", "third")] == [177, 20, 2]


def test_an_integration_leaves_others_of_its_tenant_and_other_tenants_something() -> None:
    limiter = ConcurrencyLimiter(100)
    with ExitStack() as held:
        assert fill(limiter, held, "demo", "sms") == 75
        assert fill(limiter, held, "demo", "email") == 13
        assert fill(limiter, held, "other", "sms") == 9


def test_all_is_free_again_when_all_is_released() -> None:
    limiter = ConcurrencyLimiter(100)
    with ExitStack() as held:
        fill(limiter, held, "demo", "sms")
    with ExitStack() as held:
        assert fill(limiter, held, "demo") == 88


def test_a_slot_that_grows_is_refused_what_exceeds_its_share_and_keeps_what_it_has() -> None:
    limiter = ConcurrencyLimiter(1_000)
    with limiter.acquire("demo", amount=0) as slot:
        slot.grow(800)
        with pytest.raises(OverloadedError):
            slot.grow(100)
        with limiter.acquire("other", amount=200), pytest.raises(OverloadedError), limiter.acquire("third"):
            pass
    with limiter.acquire("demo", amount=1_000):
        pass


def test_a_late_answer_lowers_the_limit_once_a_second() -> None:
    clock = Clock()
    limiter = AdaptiveLimiter(200, clock)
    assert capacity(limiter) == 200
    for _ in range(50):
        fail(limiter)
    assert capacity(limiter) == 150
    clock.now = 1.0
    fail(limiter)
    assert capacity(limiter) == 112


def test_a_limit_is_never_below_its_minimum_and_recovers_with_each_success() -> None:
    clock = Clock()
    limiter = AdaptiveLimiter(20, clock)
    for second in range(60):
        clock.now = second
        fail(limiter)
    assert capacity(limiter) == 10
    for _ in range(5):
        succeed(limiter)
    assert capacity(limiter) == 15
    for _ in range(50):
        succeed(limiter)
    assert capacity(limiter) == 20


def test_a_small_limit_stays_as_it_is() -> None:
    limiter = AdaptiveLimiter(4)
    fail(limiter)
    assert capacity(limiter) == 4


def test_a_refusal_of_contents_changes_no_limit() -> None:
    limiter = AdaptiveLimiter(40)
    with pytest.raises(InvalidRequestError), limiter.acquire("demo"):
        raise InvalidRequestError([])
    assert capacity(limiter) == 40
