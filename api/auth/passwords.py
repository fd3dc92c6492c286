"""Password hashing and login checks, off the event loop, with limits on concurrency and attempts."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from fastapi import Request

from api.limits.concurrency import ConcurrencyLimiter
from api.limits.logins import LoginLimits, network_of
from domain.access import login_address
from domain.errors import InvalidRequestError
from domain.problems import Problem
from models.access import Account
from security.credential_encryption import absent_password_hash, hash_password, password_matches
from security.password_policy import weakness

MAX_CONCURRENT_HASHES: Final = 2
"""Concurrent hashes; each uses one core and 64 MiB (argon2id, RFC 9106 §4)."""

MAX_WAITING_HASHES: Final = 40
"""Passwords being hashed or waiting: at 50 ms each, the last one waits a second."""

ABSENT_PASSWORD_HASH: Final = absent_password_hash()
"""Checked if an account does not exist, so that a login takes as long as one with a wrong password."""

Result = TypeVar("Result")


class PasswordHashing:
    """Hashes passwords in threads, with limited concurrency, so that logins cannot use up memory and cores."""

    def __init__(self) -> None:
        """Start with no hash in progress."""
        self._limiter = ConcurrencyLimiter(MAX_WAITING_HASHES)
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_HASHES)

    async def hash(self, password: str, caller: str) -> str:
        """Hash a password for storage.

        Raises:
            OverloadedError: if too many passwords wait to be hashed.
        """
        return await self._run(caller, lambda: hash_password(password))

    async def matches(self, password_hash: str, password: str, caller: str) -> bool:
        """Whether a password matches a hash.

        Raises:
            OverloadedError: if too many passwords wait to be hashed.
        """
        return await self._run(caller, lambda: password_matches(password_hash, password))

    async def _run(self, caller: str, work: Callable[[], Result]) -> Result:
        with self._limiter.acquire(caller):
            async with self._slots:
                return await asyncio.to_thread(work)


async def hashed(request: Request, field: str, password: str, personal: Sequence[str]) -> str:
    """Hash a new password after checking its strength.

    Args:
        request: the request that sets it.
        field: the request's field with the password.
        password: the password.
        personal: easily guessed words, such as the account's address.

    Raises:
        InvalidRequestError: if it is easily guessed.
        OverloadedError: if too many passwords wait to be hashed.
    """
    code = await asyncio.to_thread(weakness, password, personal)
    if code is not None:
        raise InvalidRequestError([Problem(field=field, code=code)])
    return await _hashing(request).hash(password, network_of(request))


async def account_of_login(request: Request, tenant: str, email: str, password: str) -> Account | None:
    """The account of a correct login; None if the login is wrong or the account disabled.

    The duration and the count against limits are the same whether or not the account exists.

    Raises:
        TooManyRequestsError: if this account or network had too many wrong passwords.
        OverloadedError: if too many passwords wait to be checked.
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
