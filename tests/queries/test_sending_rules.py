"""Rules of tenants: cached, also where there are none, and never older than the process's own change."""

import asyncio
from datetime import timedelta
from typing import Any

from models.sending_rules import SendingRules
from queries.sending_rules import NO_RULES, TenantRules

CHANGES: dict[str, Any] = {
    "rules": [{"country": "FR", "category": "marketing", "windows": [{"from": "08:30", "to": "20:00"}]}],
    "time_zone": "Europe/Madrid",
    "reach": {"rules": [{"channel": "SMS", "countries": {"ES": "allow", "*": "block"}}]},
}


async def test_rules_are_read_once_and_a_change_takes_effect_at_once(tenant: str) -> None:
    rules = TenantRules(timedelta(hours=1))
    assert await rules.of(tenant) == NO_RULES
    # Another process writes: until the entry expires, this one does not read them again.
    await SendingRules.change(tenant, {"time_zone": "Europe/Paris"}, None)
    assert await rules.of(tenant) is NO_RULES

    changed = await rules.change(tenant, CHANGES, "6a1f0c9e3f0a4b7d8c2e5f00")
    assert (changed.version, changed.updater_id) == (2, "6a1f0c9e3f0a4b7d8c2e5f00")
    cached = await rules.of(tenant)
    [rule], [reach] = cached.rules, cached.reach.rules
    assert (cached.time_zone, cached.version) == ("Europe/Madrid", 2)
    assert (rule.country, rule.windows[0].opens, rule.windows[0].closes) == ("FR", "08:30", "20:00")
    assert reach.countries == {"ES": "allow", "*": "block"}
    assert await TenantRules(timedelta(hours=1)).of(tenant) == cached


async def test_a_read_that_began_before_a_change_does_not_undo_it(tenant: str) -> None:
    for zone in ("Europe/Madrid", "Europe/Paris", "Europe/Rome"):
        rules = TenantRules(timedelta(hours=1))
        await asyncio.gather(*(rules.of(tenant) for _ in range(5)), rules.change(tenant, {"time_zone": zone}, None))
        assert (await rules.of(tenant)).time_zone == zone
