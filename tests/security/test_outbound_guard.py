"""SSRF guard: forbidden addresses, and attempts to bypass it by names, notations or DNS answers."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address, ip_network
from typing import Any, Final

import httpx2
import pytest
import trustme

from bootstrap import http_client
from security.ssrf_guard import (
    MAX_ANSWER_BYTES,
    MAX_COMPRESSED_BYTES,
    PRIVATE,
    AddressGuard,
    ForbiddenAddressError,
    GuardedTransport,
)
from settings import Settings

INTERNET: Final = ("8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "2606:4700:4700::1111")
INSIDE: Final = (
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - refused
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
)
NOWHERE: Final = AddressGuard()
LIMITS: Final = httpx2.Limits()


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_none_of_the_internets_is_refused(address: str) -> None:
    assert not NOWHERE.permits(ip_address(address))


@pytest.mark.parametrize("address", [*INTERNET, "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_an_address_of_the_internet_is_permitted(address: str) -> None:
    assert NOWHERE.permits(ip_address(address))


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd12::9"])
def test_a_network_that_is_allowed_is_permitted_and_nothing_beside_it(address: str) -> None:
    guard = AddressGuard((ip_network("10.1.2.3/32"), ip_network("fd12::/16")))
    assert guard.permits(ip_address(address))
    assert not guard.permits(ip_address("10.1.2.4"))
    assert not guard.permits(ip_address("fd13::9"))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.168.1.1", "fd00::1"])
def test_in_development_the_developers_own_network_is_allowed(address: str) -> None:
    assert Settings().address_guard().permits(ip_address(address))


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "224.0.0.1", "100.64.0.1"])
def test_the_metadata_of_a_cloud_is_refused_even_in_development(address: str) -> None:
    assert not AddressGuard(PRIVATE).permits(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "017700000001", "::1", "localhost"])
async def test_a_host_is_judged_by_its_addresses_however_it_is_written(host: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="IRIS_ALLOWED_NETWORKS"):
        await NOWHERE.addresses(host, 80)


class Resolver:
    """Resolves names under `.example`, each time with the next answer; other names are resolved as usual."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self._elsewhere: Callable[..., Awaitable[list[tuple[Any, ...]]]] = asyncio.get_running_loop().getaddrinfo
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int, **options: object) -> list[tuple[Any, ...]]:
        if not host.endswith(".example"):
            return await self._elsewhere(host, port, **options)
        self.asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in self._answers.pop(0)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> "Names":
    return Names(monkeypatch)


class Names:
    """Replaces the system's DNS, whose answers no test can change."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def answer(self, *answers: Sequence[str]) -> Resolver:
        resolver = Resolver(*answers)
        self._monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver)
        return resolver


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncGenerator[tuple[int, list[bytes]]]:
    """Run a server on 127.0.0.1 that redirects requests to a cloud's metadata; yields its port and the requests."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], received


HERE: Final = AddressGuard((ip_network("127.0.0.1/32"),))


async def test_a_name_is_looked_up_once_and_the_judged_address_is_connected_to(names: Names) -> None:
    async with listening() as (port, received), http_client(HERE) as http:
        resolver = names.answer(["127.0.0.1"], ["169.254.169.254"])
        response = await http.get(f"http://provider.example:{port}/")
    assert response.status_code == 302
    assert resolver.asked == ["provider.example"]
    assert f"host: provider.example:{port}".encode() in received[0].lower()


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with listening() as (port, received), http_client(HERE) as http:
        assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == 302
    assert len(received) == 1


@asynccontextmanager
async def answering(head: bytes, content: bytes) -> AsyncGenerator[str]:
    """Run a server with a fixed answer; yields its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"Connection: close\r\n\r\n" + content)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_an_answer_is_read_up_to_its_bound_and_no_further() -> None:
    async with http_client(HERE) as http:
        async with answering(b"", b" " * MAX_ANSWER_BYTES) as url:
            assert len((await http.get(url)).content) == MAX_ANSWER_BYTES
        async with answering(b"", b" " * (MAX_ANSWER_BYTES + 1)) as url:
            with pytest.raises(httpx2.ReadError, match="more than"):
                await http.get(url)


async def test_an_answer_that_is_compressed_unasked_cannot_fill_the_memory() -> None:
    bomb = gzip.compress(b" " * 20 * MAX_ANSWER_BYTES)
    assert MAX_COMPRESSED_BYTES < len(bomb) < MAX_ANSWER_BYTES
    async with http_client(HERE) as http, answering(b"Content-Encoding: gzip\r\n", bomb) as url:
        with pytest.raises(httpx2.ReadError, match="more than"):
            await http.get(url)
    async with http_client(HERE) as http, answering(b"Content-Encoding: gzip\r\n", gzip.compress(b"small")) as url:
        assert (await http.get(url)).content == b"small"


async def test_a_name_with_one_forbidden_address_among_others_is_refused(names: Names) -> None:
    async with listening() as (port, received), http_client(HERE) as http:
        names.answer(["127.0.0.1", "127.0.0.2"])
        with pytest.raises(ForbiddenAddressError, match=r"provider\.example"):
            await http.get(f"http://provider.example:{port}/")
    assert received == []


async def test_an_address_that_does_not_answer_leaves_its_turn_to_the_next(names: Names) -> None:
    guard = AddressGuard((ip_network("127.0.0.0/8"),))
    async with listening() as (port, received), http_client(guard) as http:
        names.answer(["127.0.0.9", "127.0.0.1"], ["127.0.0.9", "127.0.0.1"])
        await http.get(f"http://provider.example:{port}/")
        connection = await guard.connect("provider.example", port, 5)
        connection.close()
    assert len(received) == 1


async def test_a_name_that_dns_cannot_carry_does_not_exist() -> None:
    with pytest.raises(OSError, match="does not exist"):
        await HERE.connect(f"{'a' * 64}.example", 25, 5)


async def test_a_name_that_does_not_exist_is_a_failed_connection() -> None:
    async with http_client(HERE) as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get("http://nobody.invalid/")
    with pytest.raises(OSError, match="does not exist"):
        await HERE.connect("nobody.invalid", 25, 5)


@pytest.mark.parametrize(("certified", "is_believed"), [("provider.example", True), ("127.0.0.1", False)])
async def test_tls_checks_the_name_and_not_the_address(names: Names, certified: str, *, is_believed: bool) -> None:
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(ours)  # pyright: ignore[reportUnknownMemberType] - untyped
    authority.issue_cert(certified).configure_cert(theirs)  # pyright: ignore[reportUnknownMemberType] - untyped
    async with listening(theirs) as (port, received):
        names.answer(["127.0.0.1"])
        async with httpx2.AsyncClient(transport=GuardedTransport(HERE, LIMITS, ours), trust_env=False) as http:
            if is_believed:
                await http.get(f"https://provider.example:{port}/")
            else:
                with pytest.raises(httpx2.ConnectError, match="certificate"):
                    await http.get(f"https://provider.example:{port}/")
    assert len(received) == is_believed


async def test_a_name_that_is_slow_to_look_up_is_a_connection_that_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_arguments: object, **_options: object) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    with pytest.raises(TimeoutError):
        await HERE.connect("provider.example", 25, 0.05)
    async with httpx2.AsyncClient(transport=GuardedTransport(HERE, LIMITS, ssl.create_default_context())) as http:
        with pytest.raises(httpx2.ConnectTimeout):
            await http.get("http://provider.example/", timeout=0.05)


async def test_nobody_listening_is_a_refused_connection() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await HERE.connect("127.0.0.1", bound.getsockname()[1], 5)
