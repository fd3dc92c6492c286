"""The proxies of the fault tests behave as their modes say."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Final

import httpx2
import pytest

from bench.faults.fault_plan import plan
from bench.faults.tcp_proxy import ProxyMode, TcpProxy
from embedded.ports import LOOPBACK, free_port
from tests.plain_http import plain_client


class Echo:
    """A server that counts its requests, and always sends the same response."""

    def __init__(self) -> None:
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            self.asked += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def line(echo: Echo) -> AsyncIterator[TcpProxy]:
    target = free_port()
    server = await asyncio.start_server(echo.serve, LOOPBACK, target)
    line = TcpProxy(free_port(avoid={target}), target, Random(1))
    await line.open()
    yield line
    await line.end()
    server.close()


_HTTP: Final = plain_client(limits=httpx2.Limits(max_keepalive_connections=0))


async def ask(line: TcpProxy) -> httpx2.Response:
    return await _HTTP.get(f"http://{LOOPBACK}:{line.port}/")


async def test_a_clear_line_carries(line: TcpProxy) -> None:
    assert (await ask(line)).text == "ok"


async def test_a_slow_proxy_delays_its_data(line: TcpProxy) -> None:
    await line.change(ProxyMode.SLOW, 0.2)
    begun = asyncio.get_running_loop().time()
    assert (await ask(line)).text == "ok"
    assert asyncio.get_running_loop().time() - begun > 0.3


async def test_a_cut_line_refuses_and_can_be_mended(line: TcpProxy) -> None:
    await line.change(ProxyMode.CUT)
    with pytest.raises(httpx2.ConnectError):
        await ask(line)
    await line.change(ProxyMode.CLEAR)
    assert (await ask(line)).text == "ok"


async def test_a_cut_line_is_mended_once_when_one_fault_ends_as_the_next_begins(line: TcpProxy) -> None:
    await line.change(ProxyMode.CUT)
    await asyncio.gather(line.change(ProxyMode.CLEAR), line.change(ProxyMode.SLOW, 0.01))
    assert line.mode is ProxyMode.SLOW


async def test_a_garbage_response_follows_each_request_and_half_of_the_requests_arrive(
    line: TcpProxy, echo: Echo
) -> None:
    await line.change(ProxyMode.NONSENSE)
    answers: list[str] = []
    for _ in range(40):
        try:
            answers.append((await ask(line)).text)
        except httpx2.HTTPError as error:
            answers.append(type(error).__name__)
    assert "ok" not in answers
    assert len(set(answers)) > 1
    assert 5 < echo.asked < 35


async def test_nonsense_to_a_webhooks_caller_never_looks_like_success(line: TcpProxy) -> None:
    line.may_lie = False
    await line.change(ProxyMode.NONSENSE)
    for _ in range(40):
        try:
            answer = await ask(line)
        except httpx2.HTTPError:
            continue
        assert not answer.is_success


def test_a_seed_always_makes_the_same_plan() -> None:
    assert plan(Random(7), 600) == plan(Random(7), 600)
    assert plan(Random(7), 600) != plan(Random(8), 600)


def test_a_plan_ends_in_time() -> None:
    assert all(fault.begins + fault.seconds <= 60 for fault in plan(Random(3), 60))
