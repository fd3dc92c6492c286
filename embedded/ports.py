"""TCP ports of the loopback interface: free ones, and those that somebody listens on."""

import asyncio
import random
import socket
from collections.abc import Collection, Iterator
from contextlib import closing
from typing import Final

LOOPBACK: Final = "127.0.0.1"
CHOICE: Final = range(20_000, 32_768)
"""Ports to choose from: below those that Linux and macOS give to outgoing connections, so that a server which is
started again finds its port still free."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not count
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None, avoid: Collection[int] = ()) -> int:
    """The preferred port if it is free, else any free one; none of those to avoid, which may be given away already.

    Raises:
        OSError: no port is free.
    """
    return next(port for port in _candidates(preferred) if port not in avoid and is_free(port))


def _candidates(preferred: int | None) -> Iterator[int]:
    if preferred is not None:
        yield preferred
    yield from random.sample(CHOICE, k=len(CHOICE))
    raise OSError("no port of the loopback interface is free")


async def is_listened_on(port: int) -> bool:
    """Whether somebody listens on this port of the loopback interface."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True
