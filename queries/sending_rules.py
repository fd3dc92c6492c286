"""Rules of tenants for their sends, cached in the process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from domain.gate.reach import EVERYWHERE, ReachSettings
from domain.gate.sending_rules import SendingRule
from models.sending_rules import SendingRules
from support.ttl_cache import TtlCache


@dataclass(frozen=True, slots=True)
class RulesOfTenant:
    """Rules of one tenant for its sends.

    Attributes:
        rules: the hours in which messages may go.
        time_zone: IANA name of the zone of recipients whose zone is unknown; None if the tenant chose none.
        reach: the countries to which messages may go, and how many.
        version: the number of changes so far.
    """

    rules: Sequence[SendingRule] = ()
    time_zone: str | None = None
    reach: ReachSettings = EVERYWHERE
    version: int = 0

    @property
    def known_time_zone(self) -> str:
        """The zone of recipients whose zone is unknown: the tenant's choice, else UTC."""
        return self.time_zone or "UTC"

    @classmethod
    def stored(cls, rules: SendingRules) -> "RulesOfTenant":
        """The rules in a document."""
        return cls(rules=tuple(rules.rules), time_zone=rules.time_zone, reach=rules.reach, version=rules.version)


NO_RULES: Final = RulesOfTenant()
"""Rules of a tenant that has never set any."""


class TenantRules:
    """TTL cache of the tenants' rules, also of those without any, so that a send rarely reads them.

    A change takes effect at once in the process that makes it, and within the TTL in the others.
    """

    def __init__(self, ttl: timedelta) -> None:
        """Cache the rules of each tenant for `ttl`."""
        self._cache: TtlCache[RulesOfTenant] = TtlCache(ttl)

    async def of(self, tenant: str) -> RulesOfTenant:
        """Return the rules of a tenant."""
        cached = self._cache.get(tenant)
        if cached is not None:
            return cached
        found = await SendingRules.find_one({"_id": tenant})
        return self._newest(tenant, NO_RULES if found is None else RulesOfTenant.stored(found))

    async def change(self, tenant: str, changes: Mapping[str, Any], updater_id: str | None) -> SendingRules:
        """Replace some fields of a tenant's rules (`models.sending_rules.SendingRules.change`)."""
        changed = await SendingRules.change(tenant, changes, updater_id)
        self._newest(tenant, RulesOfTenant.stored(changed))
        return changed

    def _newest(self, tenant: str, read: RulesOfTenant) -> RulesOfTenant:
        """Cache what was read, unless a change was cached since the reading began."""
        cached = self._cache.get(tenant)
        if cached is not None and cached.version > read.version:
            return cached
        self._cache.set(tenant, read)
        return read
