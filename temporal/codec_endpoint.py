"""Remote codec of Temporal's Web UI and CLI, which decrypts payloads (https://docs.temporal.io/codec-server).

Anybody who reaches it and knows its token can read every message. It is therefore a separate process (`iris codec`),
on the loopback interface by default, and no part of the API (`docs/decisions/0011-payload-encryption.md`).
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict
from temporalio.api.common.v1 import Payload, Payloads

from security.payload_codec import EncryptingCodec, UndecryptableError
from security.ssrf_guard import is_loopback
from settings import MIN_SECRET_LENGTH
from support.environment import EnvironmentSettings, Names

MAX_BODY_BYTES: Final = 16_777_216
"""Maximum bytes of a request: a history page of four megabytes of gRPC, encoded twice in base64."""

_MAX_DEPTH: Final = 10
"""Maximum nesting levels; the protocol has four."""


class CodecSettings(EnvironmentSettings):
    """Settings of the endpoint, without any other secrets."""

    model_config = SettingsConfigDict(env_prefix="IRIS_", extra="ignore", frozen=True, hide_input_in_errors=True)

    payload_keys: SecretStr = Field(
        description="Keys of payloads in Temporal's histories, the same as those of the worker."
    )
    codec_token: SecretStr = Field(
        min_length=MIN_SECRET_LENGTH,
        description=(
            "First part of the URL's path, since the Web UI can only be given a URL; at least 32 characters that a "
            "path may have."
        ),
    )
    codec_hosts: Names = Field(
        default=(),
        description=(
            "Host names of the endpoint besides those of this machine, separated by commas. Requests to any other host "
            "name are refused, which prevents DNS rebinding."
        ),
    )
    codec_origins: str = Field(
        default="http://127.0.0.1:8233,http://localhost:8233",
        description="Origins of the Web UI, separated by commas; browsers allow no others.",
    )

    @field_validator("payload_keys")
    @classmethod
    def _are_keys(cls, keys: SecretStr) -> SecretStr:
        EncryptingCodec.of(keys.get_secret_value())
        return keys

    def origins(self) -> list[str]:
        """The allowed CORS origins."""
        return [origin.strip().rstrip("/") for origin in self.codec_origins.split(",")]


def create_codec_endpoint(settings: CodecSettings) -> FastAPI:
    """Create the endpoint's ASGI application."""
    codec = EncryptingCodec.of(settings.payload_keys.get_secret_value())
    token = settings.codec_token.get_secret_value().encode()

    def answering(translate: Callable[[Sequence[Payload]], Awaitable[list[Payload]]]) -> Callable[..., object]:
        async def answer(request: Request) -> Response:
            if not _is_ours(request.headers.get("host", ""), settings.codec_hosts):
                raise HTTPException(HTTPStatus.MISDIRECTED_REQUEST)
            if not hmac.compare_digest(request.path_params["token"].encode(), token):
                raise HTTPException(HTTPStatus.NOT_FOUND)
            payloads = _read(await _body(request))
            try:
                translated = await translate(payloads)
            except UndecryptableError as error:
                raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
            return Response(MessageToJson(Payloads(payloads=translated), indent=None), media_type="application/json")

        return answer

    app = FastAPI(title="Iris codec", openapi_url=None)
    app.add_api_route("/{token}/encode", answering(codec.encode), methods=["POST"])
    app.add_api_route("/{token}/decode", answering(codec.decode), methods=["POST"])
    app.add_api_route("/health", _health, methods=["GET"])
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.origins(),
        allow_methods=["POST"],
        allow_headers=["Content-Type", "X-Namespace", "Authorization"],
        allow_credentials=True,
    )
    return app


def _is_ours(host_and_port: str, hosts: Sequence[str]) -> bool:
    """Whether a `Host` header names this machine or one of the hosts."""
    try:
        host = urlsplit(f"//{host_and_port}").hostname or ""
    except ValueError:
        return False
    return is_loopback(host) or host in {name.lower() for name in hosts}


async def _health() -> Response:
    return Response()


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)


def _read(body: bytes) -> Sequence[Payload]:
    try:
        return Parse(body, Payloads(), max_recursion_depth=_MAX_DEPTH).payloads
    except (ParseError, ValueError, RecursionError) as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "not the payloads of Temporal's remote codecs") from error
