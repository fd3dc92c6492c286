"""TCP ports of the loopback interface."""

import asyncio
import random
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
CHOICE: Final = range(10_000, 32_768)
"""Candidate ports: below the ephemeral ports of Linux and macOS by default, so that a restarted server finds its port
still free.
"""
OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Linux file with the range of ephemeral ports (ip-sysctl.rst)."""

_given: Final = set[int]()


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like servers: closed connections do not count
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None, avoid: Collection[int] = ()) -> int:
    """Return the preferred port if free, else any free one that this process was not given before.

    Args:
        preferred: the first choice.
        avoid: ports that are assigned elsewhere.

    Raises:
        OSError: no port is free.
    """
    port = next(port for port in _candidates(preferred) if port not in avoid and is_free(port))
    _given.add(port)
    return port


def _candidates(preferred: int | None) -> Iterator[int]:
    if preferred is not None:
        yield preferred
    yield from (port for port in _shuffled() if port not in _given)
    raise OSError("no port of the loopback interface is free")


@cache
def _shuffled() -> Sequence[int]:
    """Candidate ports in a random order per process, since shuffling them for each choice is slow."""
    choice = [*set(CHOICE).difference(_outgoing())] or [*CHOICE]
    return random.SystemRandom().sample(choice, k=len(choice))


def _outgoing() -> range:
    try:
        first, last = map(int, OUTGOING.read_text().split())
    except FileNotFoundError:  # not Linux
        return range(0)
    return range(first, last + 1)


async def is_listened_on(port: int) -> bool:
    """Whether a process listens on this loopback port."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except ConnectionError:  # refused, or reset by a process that ended just then
        return False
    # A connection whose own port is this very port has connected to itself (RFC 9293, section 3.5).
    is_itself = writer.get_extra_info("sockname") == writer.get_extra_info("peername")
    writer.close()
    return not is_itself
