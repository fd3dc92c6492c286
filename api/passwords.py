"""Passwords: hashed and tried beside the event loop, a few at once, and not tried without end."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from fastapi import Request

from api.limits import ConcurrencyLimiter
from api.login_limits import LoginLimits, network_of
from domain.access import login_address
from domain.errors import InvalidRequestError
from domain.problems import Problem
from models.access import Account
from security.credential_encryption import absent_password_hash, hash_password, password_matches
from security.password_policy import weakness

MAX_CONCURRENT_HASHES: Final = 2
"""Each holds 64 MiB while it is computed (argon2id, RFC 9106 §4), and one core."""

MAX_WAITING_HASHES: Final = 40
"""Passwords that are hashed or wait for it: at 50 ms each, the last of them waits a second."""

ABSENT_PASSWORD_HASH: Final = absent_password_hash()
"""Checked when an account does not exist, so that its absence takes as long to find out as a wrong password."""

Result = TypeVar("Result")


class PasswordHashing:
    """Hashes passwords in threads, a few at once, so that many logins neither take all memory nor all cores."""

    def __init__(self) -> None:
        """Begin with none."""
        self._limiter = ConcurrencyLimiter(MAX_WAITING_HASHES)
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_HASHES)

    async def hash(self, password: str, caller: str) -> str:
        """What is stored of a password.

        Raises:
            OverloadedError: if too many passwords wait to be hashed.
        """
        return await self._run(caller, lambda: hash_password(password))

    async def matches(self, password_hash: str, password: str, caller: str) -> bool:
        """Whether a password is the one that was hashed.

        Raises:
            OverloadedError: if too many passwords wait to be hashed.
        """
        return await self._run(caller, lambda: password_matches(password_hash, password))

    async def _run(self, caller: str, work: Callable[[], Result]) -> Result:
        with self._limiter.acquire(caller):
            async with self._slots:
                return await asyncio.to_thread(work)


async def hashed(request: Request, field: str, password: str, personal: Sequence[str]) -> str:
    """What is stored of a new password.

    Args:
        request: the request that sets it.
        field: where the request has it.
        password: the password.
        personal: words that others would try first, such as the account's address.

    Raises:
        InvalidRequestError: if it is easily guessed.
        OverloadedError: if too many passwords wait to be hashed.
    """
    code = await asyncio.to_thread(weakness, password, personal)
    if code is not None:
        raise InvalidRequestError([Problem(field=field, code=code)])
    return await _hashing(request).hash(password, network_of(request))


async def account_of_login(request: Request, tenant: str, email: str, password: str) -> Account | None:
    """The account that a login is right for; None also if it is disabled.

    Takes as long, and counts as much, whether there is such an account or not.

    Raises:
        TooManyRequestsError: if there were too many wrong ones for this account, or from its network.
        OverloadedError: if too many passwords wait to be tried.
    """
    address = login_address(email)
    limits = LoginLimits(request, tenant, address)
    await limits.count()
    account = await Account.find_one({"tenant": tenant, "email": address, "disabled": {"$ne": True}})
    password_hash = account.password_hash if account else ABSENT_PASSWORD_HASH
    matches = await _hashing(request).matches(password_hash, password, network_of(request))
    if account is None or not matches:
        return None
    await limits.forgive()
    return account


def _hashing(request: Request) -> PasswordHashing:
    return request.app.state.iris.hashing
