"""The envelope of every answer, success or failure (specification, «Response»)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Generic

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from typing_extensions import TypeVar

from api.auth.visibility import visible, visible_problems
from api.http.idempotency import replay_headers
from domain.problems import Problem
from domain.texts import Language, chosen_language
from domain.texts.answers import detail_in
from support.logs import note
from wire.answer import Answer


class ErrorItem(BaseModel):
    """One reason why a request was refused."""

    field: str = Field(description="The field in the caller's own terms; empty when it is none of them.")
    code: str = Field(description="The kind of problem, stable, for programs.")
    message: str = Field(description="The problem in words, in the caller's language.")


Payload = TypeVar("Payload", default=Any)


class Envelope(Answer, Generic[Payload]):
    """What every answer is wrapped in."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None
    instance: str | None = None
    error: list[ErrorItem] | None = None
    payload: Payload | None = None


PROBLEM_TYPE: Final = "application/problem+json"

TITLES: Final[Mapping[int, Mapping[Language, str]]] = {
    HTTPStatus.OK: {Language.SPANISH: "OK", Language.ENGLISH: "OK"},
    HTTPStatus.CREATED: {Language.SPANISH: "Creado", Language.ENGLISH: "Created"},
    HTTPStatus.BAD_REQUEST: {Language.SPANISH: "Petición incorrecta", Language.ENGLISH: "Bad request"},
    HTTPStatus.UNAUTHORIZED: {Language.SPANISH: "No autenticado", Language.ENGLISH: "Not authenticated"},
    HTTPStatus.FORBIDDEN: {Language.SPANISH: "No permitido", Language.ENGLISH: "Forbidden"},
    HTTPStatus.NOT_FOUND: {Language.SPANISH: "No encontrado", Language.ENGLISH: "Not found"},
    HTTPStatus.METHOD_NOT_ALLOWED: {Language.SPANISH: "Método no admitido", Language.ENGLISH: "Method not allowed"},
    HTTPStatus.CONFLICT: {Language.SPANISH: "Conflicto", Language.ENGLISH: "Conflict"},
    HTTPStatus.REQUEST_TIMEOUT: {Language.SPANISH: "Petición demasiado lenta", Language.ENGLISH: "Request too slow"},
    HTTPStatus.REQUEST_URI_TOO_LONG: {Language.SPANISH: "URL demasiado larga", Language.ENGLISH: "URL too long"},
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: {
        Language.SPANISH: "Cabeceras demasiado grandes",
        Language.ENGLISH: "Header too large",
    },
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {
        Language.SPANISH: "Cuerpo demasiado grande",
        Language.ENGLISH: "Body too large",
    },
    HTTPStatus.GONE: {Language.SPANISH: "Ya no existe", Language.ENGLISH: "Gone"},
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {
        Language.SPANISH: "Tipo de contenido no admitido",
        Language.ENGLISH: "Unsupported media type",
    },
    HTTPStatus.UNPROCESSABLE_ENTITY: {Language.SPANISH: "Petición no válida", Language.ENGLISH: "Invalid request"},
    HTTPStatus.TOO_MANY_REQUESTS: {
        Language.SPANISH: "Demasiadas peticiones",
        Language.ENGLISH: "Too many requests",
    },
    HTTPStatus.INTERNAL_SERVER_ERROR: {Language.SPANISH: "Error interno", Language.ENGLISH: "Internal error"},
    HTTPStatus.INSUFFICIENT_STORAGE: {Language.SPANISH: "Sin espacio", Language.ENGLISH: "Out of storage"},
    HTTPStatus.SERVICE_UNAVAILABLE: {Language.SPANISH: "Servicio no disponible", Language.ENGLISH: "Unavailable"},
}


def language_of(request: Request) -> Language:
    """The caller's language by `Accept-Language` (RFC 9110 §12.5.4): Spanish unless English is preferred."""
    weights = dict.fromkeys(Language, 0.0)
    for item in request.headers.get("accept-language", "").split(","):
        tag, _, parameters = item.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in weights:
            weights[Language(language)] = max(weights[Language(language)], _weight(parameters))
    return Language.ENGLISH if weights[Language.ENGLISH] > weights[Language.SPANISH] else Language.SPANISH


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def title_of(status: int, language: Language) -> str:
    """The title of a status; a status without a title has that of a bad request."""
    return TITLES.get(status, TITLES[HTTPStatus.BAD_REQUEST])[language]


def success(payload: object, detail: str, status: HTTPStatus = HTTPStatus.OK) -> JSONResponse:
    """A successful answer with its payload.

    Args:
        payload: JSON.
        detail: what was done, in Spanish; `domain/texts/answers.py` has it in English.
        status: of the answer.
    """
    language = chosen_language()
    envelope = Envelope(title=TITLES[status][language], status=status, detail=detail_in(language, detail))
    return JSONResponse(
        {**envelope.model_dump(), "payload": visible(payload)}, status_code=status, headers=replay_headers()
    )


def error_items(problems: Sequence[Problem], language: Language) -> list[ErrorItem]:
    """Problems in the caller's language, with what the caller may see of them."""
    return [
        ErrorItem(field=problem.field, code=problem.code, message=problem.message(language))
        for problem in visible_problems(problems)
    ]


def failure(  # noqa: PLR0913 - the parts of the envelope, all named at the call
    request: Request,
    status: int,
    problems: Sequence[Problem],
    *,
    title: str | None = None,
    payload: object = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error answer with its problems, in the caller's language."""
    language = language_of(request)
    note(problems=",".join(dict.fromkeys(problem.code for problem in problems)))
    items = error_items(problems, language)
    envelope = Envelope(
        title=title or title_of(status, language),
        status=status,
        detail="; ".join(dict.fromkeys(item.message for item in items)) or None,
        error=items,
    )
    return JSONResponse(
        {**envelope.model_dump(), "payload": visible(payload)},
        status_code=status,
        headers={**replay_headers(), **(headers or {})},
        media_type=PROBLEM_TYPE if _asks_for_problems(request) else None,
    )


def _asks_for_problems(request: Request) -> bool:
    """Whether `Accept` names the media type of RFC 9457; the envelope of a failure is a valid problem object."""
    for item in request.headers.get("accept", "").split(","):
        media_type, _, parameters = item.strip().partition(";")
        if media_type.strip().lower() == PROBLEM_TYPE and _weight(parameters) > 0:
            return True
    return False
