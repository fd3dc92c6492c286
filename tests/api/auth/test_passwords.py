"""Password hashing is limited, so that a flood of logins uses up neither memory nor the slots of others."""

import asyncio
import time

import pytest

from api.auth import passwords
from api.auth.passwords import MAX_CONCURRENT_HASHES, MAX_WAITING_HASHES, PasswordHashing
from domain.errors import OverloadedError


async def test_a_flood_from_one_network_is_bounded_and_leaves_others_their_slots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running, highest = 0, 0

    def match(_hash: str, _password: str) -> bool:
        nonlocal running, highest
        running += 1
        highest = max(highest, running)
        time.sleep(0.01)
        running -= 1
        return True

    monkeypatch.setattr(passwords, "password_matches", match)
    hashing = PasswordHashing()
    refused = 0

    async def log_in() -> None:
        nonlocal refused
        try:
            await hashing.matches("hash", "password", "203.0.113.1")
        except OverloadedError:
            refused += 1

    flood = [asyncio.create_task(log_in()) for _ in range(3 * MAX_WAITING_HASHES)]
    await asyncio.sleep(0)
    assert await hashing.matches("hash", "password", "198.51.100.1")
    await asyncio.gather(*flood)
    assert refused >= 2 * MAX_WAITING_HASHES
    assert highest == MAX_CONCURRENT_HASHES
