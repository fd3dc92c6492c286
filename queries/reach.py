"""Reach of a tenant's messages: the countries that they may go to, and how many may go there."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from domain.clock import to_milliseconds, utc_now
from domain.destinations import Destination
from domain.gate.reach import problems_of_reach
from domain.gate.reach_counters import counters_of
from domain.gate.recipients import Recipients
from domain.gate.velocity import Counter, LimitAction
from domain.problems import Problem
from domain.submission import Submission
from models.reach_count import ReachCount
from queries.sending_rules import TenantRules
from support.metrics import count_reach_limit
from support.ttl_cache import TtlCache

_LOG = logging.getLogger("iris.reach")

_MEAN_TTL: Final = timedelta(hours=1)
_REACHED_TTL: Final = timedelta(days=1)


class Reach:
    """Reach of tenants by their rules; their messages are counted in MongoDB where limits or monitoring need it."""

    def __init__(self, rules: TenantRules) -> None:
        self._rules = rules
        self._means: TtlCache[float] = TtlCache(_MEAN_TTL)
        # A count stays at its limit until its period ends. A limit that blocks is asked again all the same: it may have
        # counted the same message in an earlier try.
        self._reached: TtlCache[bool] = TtlCache(_REACHED_TTL)

    async def problems_of(self, recipients: Recipients) -> list[Problem]:
        """Return a problem for each destination that is out of reach; no message is counted."""
        rules = (await self._rules.of(recipients.tenant)).reach.rules
        channel = recipients.integration.channel
        return problems_of_reach(recipients.destinations, channel, recipients.category, rules)

    async def count(self, submission: Submission, destinations: Sequence[Destination]) -> list[Problem]:
        """Count a valid submission against the tenant's limits, and return a problem for each one that blocks it."""
        tenant, now = submission.tenant, to_milliseconds(utc_now())
        reach = (await self._rules.of(tenant)).reach
        counters = counters_of(destinations, submission.integration.channel, submission.category, reach, now)
        if not counters:
            return []
        counters = [await self._with_limit(tenant, counter) for counter in counters]
        known = [counter for counter in counters if self._reached.get(_key(tenant, counter))]
        asked = [counter for counter in counters if counter not in known]
        new = await ReachCount.add(tenant, submission.interaction_id, asked) if asked else []
        if new:
            await self._report(tenant, new, now)
        reached = [*known, *new]
        for counter in reached:
            count_reach_limit(counter.per, counter.action)
        return [counter.problem() for counter in reached if counter.action is LimitAction.BLOCK]

    async def _with_limit(self, tenant: str, counter: Counter) -> Counter:
        """Return the counter with the limit that the mean of its country gives."""
        if counter.times is None:
            return counter
        country, day = counter.subject, counter.begins
        mean = await self._means.get_or_load(
            f"{tenant}\x1f{country}\x1f{day}", lambda: ReachCount.mean(tenant, country, day)
        )
        return replace(counter, limit=max(counter.limit, int(counter.times * (mean or 0))))

    async def _report(self, tenant: str, counters: Sequence[Counter], now: datetime) -> None:
        """Record that limits were reached, once for each period."""
        await ReachCount.mark_reached(tenant, counters, now)
        for counter in counters:
            if counter.action is LimitAction.MONITOR:
                self._reached.set(_key(tenant, counter), value=True)
            _LOG.warning("limit per %s of %s reached: %s", counter.per, tenant, counter.action)


def _key(tenant: str, counter: Counter) -> str:
    return "\x1f".join((tenant, counter.per, counter.subject, counter.begins.isoformat(), str(counter.limit)))
