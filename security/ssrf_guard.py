"""SSRF guard: blocks connections to internal addresses on a tenant's behalf unless a setting allows them.

Tenants configure hosts (a provider's URL, a mail server, a webhook) that Iris connects to from inside its own network:
https://owasp.org/www-community/attacks/Server_Side_Request_Forgery. A name is resolved once, all of its addresses are
checked, and the connection is made to one of them, so that later DNS answers do not matter. TLS still checks the
certificate for the name. See `docs/decisions/0012`.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, cast

import httpcore2
import httpx2
from httpcore2 import SOCKET_OPTION
from typing_extensions import override

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PRIVATE: Final[Sequence[Network]] = tuple(
    map(ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)
"""Loopback and private networks (RFC 1918, RFC 4193), which have a developer's own servers."""

_GLOBAL_IPV6: Final = IPv6Network("2000::/3")
"""IPv6 global unicast addresses (https://www.iana.org/assignments/ipv6-address-space)."""

_SPECIAL: Final[Sequence[Network]] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by a carrier's customers; Alibaba's metadata
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's own host agent, though the address is public
            "169.254.0.0/16",  # link-local; the metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols; Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays to IPv6
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
            "2001::/23",  # protocols, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
"""Special-purpose networks by IANA's registries, and those of cloud providers.

https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry. Not
`ipaddress.is_global`, whose meaning differs between releases of Python.
"""

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as an IPv6-only network sees them (RFC 6052 §2.1)."""


NOT_REACHABLE: Final = "does not exist, or is at an address that IRIS_ALLOWED_NETWORKS does not allow to connect to"
"""Error text that does not say which of the two it is, so that it reveals no internal names."""

_LOOPBACK: Final = IPv4Address("127.0.0.1")

MAX_ANSWER_BYTES: Final = 4_194_304
"""Maximum bytes of a response; a page of a provider's message list has some hundred thousand."""

MAX_COMPRESSED_BYTES: Final = 65_536
"""Maximum bytes of an unrequested compressed response, which may expand a thousand times."""


def is_loopback(host: str) -> bool:
    """Whether a host is loopback; `localhost` always is (RFC 6761 §6.3)."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


class ForbiddenAddressError(Exception):
    """A host with an address that Iris may not connect to. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Decides which addresses may be connected to.

    Attributes:
        allowed: non-public networks that are permitted.
    """

    allowed: Sequence[Network] = ()

    def permits(self, address: Address) -> bool:
        """Whether an address may be connected to. An embedded IPv4 address is checked instead of its IPv6 address."""
        judged = _embedded(address)
        if any(judged in network for network in self.allowed):
            return True
        if isinstance(judged, IPv6Address) and judged not in _GLOBAL_IPV6:
            return False
        return not any(judged in network for network in _SPECIAL)

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve a host to its addresses, in the order to try them.

        Raises:
            ForbiddenAddressError: if it has a forbidden address.
            OSError: if there is no such host; the text is the same, so that it reveals no internal names.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that is too long for DNS
            raise OSError(_unreachable(host)) from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        if not all(self.permits(ip_address(address)) for address in addresses):
            raise ForbiddenAddressError(_unreachable(host))
        return addresses

    def forbids(self, host: str) -> bool:
        """Whether a host is a literal forbidden address; names are not resolved."""
        try:
            return not self.permits(ip_address(host))
        except ValueError:
            return host.lower().rstrip(".").rpartition(".")[2] == "localhost" and not self.permits(_LOOPBACK)

    async def connect(self, host: str, port: int, timeout_seconds: float) -> socket.socket:
        """Connect to a host.

        Args:
            host: a name or an address.
            port: the TCP port.
            timeout_seconds: seconds for all of it.

        Raises:
            ForbiddenAddressError: if the host has a forbidden address.
            OSError: if there is no such host, or none of its addresses answers; `TimeoutError` if not in time.
        """
        failure = OSError(f"{host[:200]} has no address")
        async for address, seconds in self.tries(host, port, timeout_seconds):
            try:
                async with asyncio.timeout(seconds):
                    return await _connected(address, port)
            except OSError as error:
                failure = error
        raise failure

    async def tries(
        self, host: str, port: int, timeout_seconds: float | None
    ) -> AsyncIterator[tuple[str, float | None]]:
        """Yield each address with its timeout in seconds, which leaves time for the addresses after a dead one."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout_seconds is None else loop.time() + timeout_seconds
        async with asyncio.timeout_at(deadline):
            addresses = await self.addresses(host, port)
        for number, address in enumerate(addresses):
            yield address, None if deadline is None else (deadline - loop.time()) / (len(addresses) - number)


def _unreachable(host: str) -> str:
    return f"{host[:200]} {NOT_REACHABLE}"


def _embedded(address: Address) -> Address:
    """The IPv4 address embedded in an IPv6 address, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


class _GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Network backend that connects to permitted addresses only."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._backend = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError(f"{host[:200]} has no address")
        try:
            async for address, seconds in self._guard.tries(host, port, timeout):
                try:
                    return await self._backend.connect_tcp(address, port, seconds, local_address, socket_options)
                except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                    failure = error
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host[:200]} is not looked up in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        raise failure


class _Bounded(httpx2.AsyncByteStream):
    """Response stream that fails when it exceeds its maximum bytes."""

    def __init__(self, answer: httpx2.AsyncByteStream, most: int) -> None:
        self._answer = answer
        self._most = most

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for chunk in self._answer:
            taken += len(chunk)
            if taken > self._most:
                raise httpx2.ReadError(f"the answer has more than {self._most} bytes")
            yield chunk

    @override
    async def aclose(self) -> None:
        await self._answer.aclose()


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """HTTP transport to permitted addresses only, without proxies, with responses of at most `MAX_ANSWER_BYTES`.

    Requests raise `ForbiddenAddressError` in addition to httpx2's own errors.
    """

    def __init__(self, guard: AddressGuard, limits: httpx2.Limits, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False, limits=limits)
        # httpx2 offers no way to choose its pool's network backend, though httpcore2 does.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_GuardedBackend(guard),
        )

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        most = MAX_COMPRESSED_BYTES if "content-encoding" in response.headers else MAX_ANSWER_BYTES
        response.stream = _Bounded(cast("httpx2.AsyncByteStream", response.stream), most)
        return response
