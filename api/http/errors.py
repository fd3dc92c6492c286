"""Exception handlers that answer every error in the envelope."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.service import RPCError

from api.http.envelope import failure
from domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    IrisError,
    NotFoundError,
    OverloadedError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
)
from domain.faults import FaultKind
from domain.problems import Problem, problems_of_validation
from integrations.provider_factory import UndecryptableCredentialsError
from models.base import is_disk_full, is_unreachable
from providers.base import MisconfiguredError
from support.metrics import count_internal_fault

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LOG = logging.getLogger("iris.api")

STATUS_OF_ERROR: Final[dict[type[IrisError], HTTPStatus]] = {
    InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.UNPROCESSABLE_ENTITY,
    OverloadedError: HTTPStatus.SERVICE_UNAVAILABLE,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}

STATUS_OF_CODE: Final[dict[str, HTTPStatus]] = {
    "invalid_json": HTTPStatus.BAD_REQUEST,
    "not_an_object": HTTPStatus.BAD_REQUEST,
    "bad_idempotency_key": HTTPStatus.BAD_REQUEST,
    "bad_http": HTTPStatus.BAD_REQUEST,
    "body_too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "body_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "process_not_found": HTTPStatus.NOT_FOUND,
    "integration_not_found": HTTPStatus.NOT_FOUND,
    "attachment_not_found": HTTPStatus.NOT_FOUND,
    "media_type_not_allowed": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "media_type_mismatch": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "link_expired": HTTPStatus.GONE,
    "recipient_opted_out": HTTPStatus.CONFLICT,
    "recipient_paused": HTTPStatus.CONFLICT,
    "country_blocked": HTTPStatus.CONFLICT,
    "country_unknown_blocked": HTTPStatus.CONFLICT,
    "destination_limit_reached": HTTPStatus.CONFLICT,
    "prefix_limit_reached": HTTPStatus.CONFLICT,
    "country_limit_reached": HTTPStatus.CONFLICT,
    "may_not_override": HTTPStatus.FORBIDDEN,
    "may_not_ignore_windows": HTTPStatus.FORBIDDEN,
    "process_closed": HTTPStatus.CONFLICT,
    "process_full": HTTPStatus.CONFLICT,
    "not_outbound": HTTPStatus.CONFLICT,
    "no_content": HTTPStatus.CONFLICT,
    "may_still_arrive": HTTPStatus.CONFLICT,
    "integration_disabled": HTTPStatus.CONFLICT,
    "destination_taken": HTTPStatus.CONFLICT,
    "user_merged": HTTPStatus.CONFLICT,
    "template_not_found": HTTPStatus.NOT_FOUND,
    "strategy_not_found": HTTPStatus.NOT_FOUND,
    "name_taken": HTTPStatus.CONFLICT,
    "events_expired": HTTPStatus.GONE,
    "notification_pending": HTTPStatus.CONFLICT,
    "notification_ended": HTTPStatus.CONFLICT,
    "last_administrator": HTTPStatus.CONFLICT,
    "email_taken": HTTPStatus.CONFLICT,
    "key_revoked": HTTPStatus.CONFLICT,
    "key_shown": HTTPStatus.CONFLICT,
}
"""HTTP status by problem code; every other code is 422."""


_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def status_of_problems(problems: Sequence[Problem]) -> HTTPStatus:
    """The status that all problems share, else 422."""
    statuses = {STATUS_OF_CODE.get(problem.code, HTTPStatus.UNPROCESSABLE_ENTITY) for problem in problems}
    return statuses.pop() if len(statuses) == 1 else HTTPStatus.UNPROCESSABLE_ENTITY


async def _on_iris_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, IrisError):
        raise error
    headers: dict[str, str] = {}
    if isinstance(error, UnavailableError | OverloadedError | TooManyRequestsError):
        headers["Retry-After"] = str(int(error.retry_after.total_seconds()))
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    status = STATUS_OF_ERROR[type(error)]
    if isinstance(error, InvalidRequestError):
        status = status_of_problems(error.problems)
    return failure(request, status, error.problems, headers=headers)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code, headers = "not_found", dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        code, headers["Allow"] = "method_not_allowed", ", ".join(_methods_of(request))
    return failure(request, error.status_code, [Problem(field="", code=code)], headers=headers)


def _methods_of(request: Request) -> Sequence[str]:
    """All methods of a request's path, collected over the routers, since each route has one method."""
    application: FastAPI = request.app

    def is_taken(method: str) -> bool:
        scope = {**request.scope, "method": "GET" if method == "HEAD" else method}
        return any(route.matches(scope)[0] is Match.FULL for route in application.routes)

    return [method for method in _METHODS if is_taken(method)]


async def _on_bad_parameters(request: Request, error: Exception) -> Response:
    """Answer invalid path, query or header parameters; each problem names its parameter."""
    if not isinstance(error, RequestValidationError):
        raise error
    errors = cast("list[ErrorDetails]", [{**one, "loc": one["loc"][1:]} for one in error.errors()])
    return await _on_iris_error(request, InvalidRequestError(problems_of_validation(errors, "")))


async def _on_database_error(request: Request, error: Exception) -> Response:
    if isinstance(error, PyMongoError) and is_unreachable(error):
        _LOG.warning("MongoDB does not answer: %s", type(error).__name__)
        return await _on_iris_error(request, UnavailableError("MongoDB"))
    if isinstance(error, PyMongoError) and is_disk_full(error):
        _LOG.error("MongoDB has no disk space left")
        return failure(request, HTTPStatus.INSUFFICIENT_STORAGE, [Problem(field="", code="storage_full")])
    return await _on_fault(request, error)


async def _on_engine_error(request: Request, error: Exception) -> Response:
    _LOG.warning("Temporal does not answer: %s", error)
    return await _on_iris_error(request, UnavailableError("Temporal"))


async def _on_misconfiguration(request: Request, error: Exception) -> Response:
    """Answer for an integration that this process cannot open, for lack of a key or in another version of Iris."""
    kind = FaultKind.CREDENTIALS if isinstance(error, UndecryptableCredentialsError) else FaultKind.INTEGRATION
    _LOG.error("%s fault at %s %s: %s", kind, request.method, request.url.path, error)
    count_internal_fault(kind)
    return await _on_iris_error(request, UnavailableError("Iris"))


async def _on_fault(request: Request, error: Exception) -> Response:
    _LOG.error("internal fault at %s %s", request.method, request.url.path, exc_info=error)
    return failure(request, HTTPStatus.INTERNAL_SERVER_ERROR, [Problem(field="", code="internal")])


class FaultMiddleware:
    """ASGI middleware that answers all errors without a handler.

    A handler of `Exception` would answer outside of all middleware, and so without the headers of every answer
    (https://starlette.dev/exceptions/#errors-and-handled-exceptions).
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            Exception: if the answer has begun, so that the server closes the connection.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_answered = False

        async def note_answer(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self._app(scope, receive, note_answer)
        except Exception as error:
            answer = await _on_fault(Request(scope), error)
            if is_answered:
                raise
            await answer(scope, receive, send)


def add_error_handlers(app: FastAPI) -> None:
    """Register the exception handlers."""
    app.add_exception_handler(IrisError, _on_iris_error)
    app.add_exception_handler(RequestValidationError, _on_bad_parameters)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(PyMongoError, _on_database_error)
    app.add_exception_handler(RPCError, _on_engine_error)
    app.add_exception_handler(MisconfiguredError, _on_misconfiguration)
