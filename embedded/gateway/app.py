"""HTTP interface of the gateway (`docs/providers/sandbox.md`)."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

import httpx2
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from embedded.gateway.callbacks import Courier
from embedded.gateway.database import Database
from embedded.gateway.inbox import Inbox
from embedded.gateway.ledger import Ledger, RecallVerdict, Receipt, Verdict
from embedded.gateway.recipients import Behaviour, behaviour_of
from embedded.gateway.reports import Report, Reports
from embedded.gateway.settings import GatewaySettings, account_name
from embedded.gateway.wire import GatewayError, read_inbound, read_submission
from security.trusted_authorities import trusted_authorities


@dataclass(frozen=True, slots=True)
class Gateway:
    """Components of an open gateway.

    Attributes:
        courier: delivers callbacks about sent messages.
        postman: delivers callbacks about messages that end users write.
    """

    settings: GatewaySettings
    ledger: Ledger
    inbox: Inbox
    reports: Reports
    courier: Courier
    postman: Courier


def create_gateway(settings: GatewaySettings) -> FastAPI:
    """Create the gateway's ASGI application; `embedded.gateway.server` serves it, and can drop a response."""

    @asynccontextmanager
    async def open_gateway(app: FastAPI) -> AsyncGenerator[None]:
        timeout = httpx2.Timeout(settings.callback_timeout.total_seconds(), pool=None)
        # Callbacks go to this machine or its neighbours, never through the environment's proxy.
        async with httpx2.AsyncClient(timeout=timeout, verify=trusted_authorities(), trust_env=False) as http:
            with closing(Database(settings.ledger)) as database:
                ledger, inbox = Ledger(database), Inbox(database)
                courier, postman = Courier(ledger, http, settings), Courier(inbox, http, settings)
                app.state.gateway = Gateway(settings, ledger, inbox, Reports(database), courier, postman)
                courier.resume()
                postman.resume()
                try:
                    yield
                finally:
                    await courier.close()
                    await postman.close()

    app = FastAPI(title="Iris sandbox gateway", lifespan=open_gateway, openapi_url=None)
    app.add_api_route("/v1/messages", post_message, methods=["POST"])
    app.add_api_route("/v1/messages", list_messages, methods=["GET"])
    app.add_api_route("/v1/messages/{message_id}", read_message, methods=["GET"])
    app.add_api_route("/v1/messages/{message_id}/recall", recall_message, methods=["POST"])
    app.add_api_route("/v1/inbound", post_inbound, methods=["POST"])
    app.add_api_route("/v1/inbound/{message_id}", read_inbound_message, methods=["GET"])
    app.add_api_route("/v1/ledger", read_ledger, methods=["GET"])
    app.add_api_route("/health", read_health, methods=["GET"])
    app.exception_handler(GatewayError)(_answer_gateway_error)
    app.exception_handler(RequestValidationError)(_answer_bad_query)
    app.exception_handler(HTTPStatus.NOT_FOUND)(_answer_no_such_path)
    app.exception_handler(HTTPStatus.METHOD_NOT_ALLOWED)(_answer_no_such_method)
    return app


async def _gateway(request: Request) -> Gateway:
    return request.app.state.gateway


async def _account(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    account = account_name(token)
    if scheme.lower() != "bearer" or account not in request.app.state.gateway.settings.signing_secrets:
        raise GatewayError(401, "unauthenticated", "a known token is needed in Authorization: Bearer")
    return account


OpenGateway = Annotated[Gateway, Depends(_gateway)]
Caller = Annotated[str, Depends(_account)]
Reference = Annotated[str | None, Query()]
After = Annotated[int, Query(ge=0, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=200)]


async def post_message(request: Request, gateway: OpenGateway, account: Caller) -> Response:
    """Accept a message, and respond as its recipients require."""
    submission = read_submission(await _read_body(request, gateway.settings.max_body_bytes))
    behaviour = behaviour_of(submission.to)
    delay = gateway.settings.callback_delay.total_seconds()
    receipt = gateway.ledger.receive(account, submission, behaviour, time.time(), delay)
    if receipt.verdict is Verdict.ACCEPTED:
        await _begin_callbacks(gateway, receipt, behaviour)
    return await _answer(request, gateway, receipt, behaviour)


async def post_inbound(request: Request, gateway: OpenGateway, account: Caller) -> Response:
    """Simulate an end user who writes: the message is sent to its callback URL."""
    message = read_inbound(await _read_body(request, gateway.settings.max_body_bytes))
    arrival = gateway.inbox.take(account, message, time.time())
    if not arrival.is_same:
        raise GatewayError(422, "id_reused", "the id belongs to another message")
    if arrival.is_new:
        gateway.postman.start(arrival.message)
    return JSONResponse({"id": arrival.id, "status": "accepted"}, HTTPStatus.CREATED)


async def read_inbound_message(gateway: OpenGateway, account: Caller, message_id: str) -> Report:
    """Return one message that an end user wrote."""
    report = gateway.reports.inbound(account, message_id)
    if report is None:
        raise GatewayError(404, "not_found", "there is no such message")
    return report


async def list_messages(
    gateway: OpenGateway, account: Caller, reference: Reference = None, after: After = 0, limit: Limit = 50
) -> Report:
    """Return a page of the accepted messages."""
    return gateway.reports.messages(account, reference, after, limit)


async def read_message(gateway: OpenGateway, account: Caller, message_id: str) -> Report:
    """Return one accepted message."""
    report = gateway.reports.message(account, message_id)
    if report is None:
        raise GatewayError(404, "not_found", "there is no such message")
    return report


async def recall_message(gateway: OpenGateway, account: Caller, message_id: str) -> Report:
    """Take back an RCS message that is not delivered yet."""
    recalled = gateway.ledger.recall(account, message_id, time.time())
    if recalled is None:
        raise GatewayError(404, "not_found", "there is no such message")
    gateway.courier.start(recalled.message)
    match recalled.verdict:
        case RecallVerdict.UNSUPPORTED:
            raise GatewayError(422, "not_recallable", "only an RCS message can be taken back")
        case RecallVerdict.DELIVERED:
            raise GatewayError(409, "already_delivered", "the message is delivered")
        case RecallVerdict.RECALLED:
            return {"id": message_id, "status": "recalled"}


async def read_ledger(
    gateway: OpenGateway, account: Caller, reference: Reference = None, after: After = 0, limit: Limit = 50
) -> Report:
    """Return a page of references with the verdicts on their requests, and the account's totals."""
    return gateway.reports.ledger(account, reference, after, limit)


async def read_health() -> Report:
    """Answer a health check."""
    return {"status": "ok"}


async def _read_body(request: Request, largest: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise GatewayError(413, "body_too_large", f"the body is larger than {largest} bytes")
    return bytes(body)


async def _begin_callbacks(gateway: Gateway, receipt: Receipt, behaviour: Behaviour) -> None:
    delivering = gateway.courier.start(receipt.message)
    if behaviour.first_callback_after == 0:
        await asyncio.wait({delivering}, timeout=gateway.settings.early_callback_wait.total_seconds())


async def _answer(request: Request, gateway: Gateway, receipt: Receipt, behaviour: Behaviour) -> Response:
    match receipt.verdict:
        case Verdict.REFUSED:
            raise GatewayError(422, "recipient_refused", "the recipient takes no messages")
        case Verdict.REUSED:
            raise GatewayError(422, "reference_reused", "the reference belongs to another message")
        case Verdict.THROTTLED:
            raise GatewayError(429, "throttled", "too many requests", retry_after=1)
        case Verdict.ACCEPTED | Verdict.REPEATED:
            pass
    if behaviour.answers_slowly:
        await asyncio.sleep(gateway.settings.slow_response_delay.total_seconds())
    if receipt.request_number <= behaviour.lost_answers:
        await _hang_up(request)
    return JSONResponse({"id": receipt.id, "status": "queued"}, HTTPStatus.CREATED)


async def _hang_up(request: Request) -> None:
    """Close the connection and wait until it is closed, so that the response goes nowhere."""
    request.state.hang_up()
    await request.receive()


async def _answer_gateway_error(_request: Request, error: GatewayError) -> Response:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
    return JSONResponse({"error": {"code": error.code, "message": error.message}}, error.status, headers)


async def _answer_bad_query(request: Request, _error: Exception) -> Response:
    return await _answer_gateway_error(
        request, GatewayError(422, "invalid_request", "limit is 1 to 200, after a number")
    )


async def _answer_no_such_path(request: Request, _error: Exception) -> Response:
    return await _answer_gateway_error(request, GatewayError(404, "not_found", "there is no such path"))


async def _answer_no_such_method(request: Request, _error: Exception) -> Response:
    return await _answer_gateway_error(
        request, GatewayError(405, "method_not_allowed", "the path takes another method")
    )
