"""Passwords: hashed and tried beside the event loop, and not tried without end."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from fastapi import Request

from domain.access import login_address
from domain.clock import utc_now
from domain.errors import TooManyRequestsError
from models.access import Account
from models.throttle import LoginTries
from security.at_rest import absent_password_hash, hash_password, password_matches

MOST_FOR_ACCOUNT: Final = 10
"""Wrong passwords of an account within `models.throttle.WINDOW`, then none is tried until it is over."""
MOST_FROM_ADDRESS: Final = 100
"""The same from one address, where many people may be."""

ABSENT_PASSWORD_HASH: Final = absent_password_hash()
"""Checked when an account does not exist, so that its absence takes as long to find out as a wrong password."""


async def hashed(password: str) -> str:
    """What is stored of a password."""
    return await asyncio.to_thread(hash_password, password)


async def account_of_login(request: Request, tenant: str, email: str, password: str) -> Account | None:
    """The account that a login is right for; None also if it is disabled.

    Takes as long, and counts as much, whether there is such an account or not.

    Raises:
        TooManyRequestsError: if there were too many wrong ones for this account, or from this address.
    """
    address = login_address(email)
    by_address, by_account = ("address", _network(request)), ("account", tenant, address)
    await _count(by_address, MOST_FROM_ADDRESS)
    await _count(by_account, MOST_FOR_ACCOUNT)
    account = await Account.find_one({"tenant": tenant, "email": address, "disabled": {"$ne": True}})
    password_hash = account.password_hash if account else ABSENT_PASSWORD_HASH
    matches = await asyncio.to_thread(password_matches, password_hash, password)
    if account is None or not matches:
        return None
    await LoginTries.forgive(*by_address)
    await LoginTries.forget(*by_account)
    return account


async def _count(whose: Sequence[str], most: int) -> None:
    tries = await LoginTries.add(*whose)
    if tries.number > most:
        wait = tries.until - utc_now()
        raise TooManyRequestsError(max(wait, timedelta(seconds=1)), "too_many_logins")


def _network(request: Request) -> str:
    """Where a request comes from; of IPv6 the /64, which is what one customer has at least (RFC 6177)."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else host
