"""Streamed answers that hold resources until they end."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override


class HoldingResponse(StreamingResponse):
    """A streaming response that releases its resources when it ends, even if it never started."""

    def __init__(
        self, content: AsyncIterator[str], held: AsyncExitStack, media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(content, headers=headers, media_type=media_type)
        self._held = held

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)
