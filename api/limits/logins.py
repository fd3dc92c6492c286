"""Login limits by account and network, by account, and by network, each with its own consequence.

`docs/decisions/0038` explains them. A network is an IPv4 address or an IPv6 /64 as the API sees it: all callers behind
a proxy that `IRIS_TRUSTED_PROXIES` does not name are in the proxy's network.
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
"""Wrong passwords of one account, from all networks without a recent login of that account."""

NETWORK_LIMIT: Final = TryLimit(100, timedelta(0))
"""Wrong passwords from one network, which many people may share; above it, logins are slowed per tenant."""

TENANT_FROM_NETWORK_PACE: Final = TryLimit(0, timedelta(seconds=2))
"""Login rate for a tenant's accounts from a network that exceeded its limit."""

_LOG = logging.getLogger("iris.logins")

_warned_of: set[str] = set()
"""Addresses of proxies that were warned of once."""


class LoginLimits:
    """Limits that apply to one login.

    Attributes:
        account: the tenant and the address of the account, which may not exist.
        network: the network that the login comes from.
    """

    def __init__(self, request: Request, tenant: str, address: str) -> None:
        """Take the account as given and the network from the request."""
        self._tenant = tenant
        self._account = ("account", tenant, address)
        self._network = network_of(request)
        self._forwarded = request.headers.get("x-forwarded-for", "")
        self._is_known = False

    async def count(self) -> None:
        """Count the login, before its password is checked.

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
        """Undo the count of a login with the right password, and remember its network."""
        await LoginTries.forget(*self._account, self._network)
        if not self._is_known:
            await LoginTries.forgive(*self._account)
            await LoginTries.forgive("network", self._network)
        await KnownNetwork.remember(*self._account, self._network)

    def _warn_of_unnamed_proxy(self, *, is_exceeded: bool) -> None:
        """Log once that all callers behind a private address, which must be a proxy's, count as one."""
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
    """Clear the set of proxies that were warned of."""
    _warned_of.clear()


async def _count(whose: Sequence[str], limit: TryLimit) -> None:
    tries = await LoginTries.add(tuple(whose), limit)
    if not tries.is_allowed:
        raise TooManyRequestsError(max(tries.next_at - utc_now(), timedelta(seconds=1)), "too_many_logins")


def network_of(request: Request) -> str:
    """The network of a request; for IPv6 the /64, the least that one customer has (RFC 6177)."""
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
