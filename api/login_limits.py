"""Limits on logins: by account and network, by account, and by network, each with consequences of its own.

`docs/decisions/0038` says why. A network is an IPv4 address or an IPv6 /64, as the API sees its callers: those behind a
proxy that `IRIS_TRUSTED_PROXIES` does not name are all in the proxy's.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from fastapi import Request

from domain.clock import utc_now
from domain.errors import TooManyRequestsError
from models.throttle import KnownNetwork, LoginTries, TryLimit

ACCOUNT_FROM_NETWORK_LIMIT: Final = TryLimit(10, timedelta(minutes=1))
"""Wrong passwords of one account from one network."""

ACCOUNT_LIMIT: Final = TryLimit(100, timedelta(minutes=1))
"""Wrong passwords of one account, from all networks from which it did not log in lately."""

NETWORK_LIMIT: Final = TryLimit(100, timedelta(0))
"""Wrong passwords from one network, where many people may be; what exceeds it is slowed for each tenant alone."""

TENANT_FROM_NETWORK_PACE: Final = TryLimit(0, timedelta(seconds=2))
"""How often a tenant's accounts may be tried from a network that exceeded its limit."""

_LOG = logging.getLogger("iris.logins")

_warned_of: set[str] = set()
"""Addresses of proxies, of which one warning is enough."""


class LoginLimits:
    """The limits that one login counts against.

    Attributes:
        account: the tenant and the address of the account, which may not exist.
        network: where the login comes from.
    """

    def __init__(self, request: Request, tenant: str, address: str) -> None:
        """Take the login's account, and its network from the request."""
        self._tenant = tenant
        self._account = ("account", tenant, address)
        self._network = network_of(request)
        self._forwarded = request.headers.get("x-forwarded-for", "")
        self._is_known = False

    async def count(self) -> None:
        """Count the login, before its password is tried.

        Raises:
            TooManyRequestsError: if one of the limits is exceeded.
        """
        self._warn_of_unnamed_proxy(is_exceeded=False)
        await _count((*self._account, self._network), ACCOUNT_FROM_NETWORK_LIMIT)
        self._is_known = await KnownNetwork.is_known(*self._account, self._network)
        if self._is_known:
            return
        await _count(self._account, ACCOUNT_LIMIT)
        tries = await LoginTries.add(("network", self._network), NETWORK_LIMIT)
        if tries.number > NETWORK_LIMIT.number:
            self._warn_of_unnamed_proxy(is_exceeded=True)
            await _count(("network", self._network, self._tenant), TENANT_FROM_NETWORK_PACE)

    async def forgive(self) -> None:
        """Count the login no longer, since its password was right, and remember its network."""
        await LoginTries.forget(*self._account, self._network)
        if not self._is_known:
            await LoginTries.forgive(*self._account)
            await LoginTries.forgive("network", self._network)
        await KnownNetwork.remember(*self._account, self._network)

    def _warn_of_unnamed_proxy(self, *, is_exceeded: bool) -> None:
        """Log once that a private address, which must be a proxy's, counts as everybody behind it."""
        is_unnamed = bool(self._forwarded) and self._network not in self._forwarded
        if self._network in _warned_of or not (is_unnamed or is_exceeded) or not _is_private(self._network):
            return
        _warned_of.add(self._network)
        _LOG.warning(
            "logins of many come from the private address %s: if a proxy is there, name it in IRIS_TRUSTED_PROXIES, "
            "or all callers behind it count as one",
            self._network,
        )


def forget_warnings() -> None:
    """Warn again of proxies that were warned of."""
    _warned_of.clear()


async def _count(whose: Sequence[str], limit: TryLimit) -> None:
    tries = await LoginTries.add(tuple(whose), limit)
    if not tries.is_allowed:
        raise TooManyRequestsError(max(tries.next_at - utc_now(), timedelta(seconds=1)), "too_many_logins")


def network_of(request: Request) -> str:
    """Where a request comes from; of IPv6 the /64, which is what one customer has at least (RFC 6177)."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else host


def _is_private(network: str) -> bool:
    try:
        return ip_network(network).is_private
    except ValueError:
        return False
