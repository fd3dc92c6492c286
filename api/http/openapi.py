"""OpenAPI description and the helpers that routes share for it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from api.http.envelope import Envelope, title_of
from api.http.request_body import JsonBody
from api.http.response_headers import describe_headers
from domain.channels import Channel
from domain.payloads import PAYLOADS
from domain.texts import Language

_REFUSALS: Final[Mapping[int, str]] = {
    400: "The body is not a JSON object, or the Idempotency-Key is not valid.",
    401: "No valid API key or token.",
    403: "The account or key may not do this.",
    404: "There is no such thing in your tenant.",
    408: "The body did not come in time.",
    409: "It contradicts how things are now; `error` says what.",
    410: "It was there, and is no more.",
    413: "The body is too large.",
    415: "Content of this type is not taken, or is not of the type that `Content-Type` says.",
    422: "The request is refused; `error` has every reason.",
    429: "Too many requests; repeat after Retry-After seconds.",
    503: "A part of Iris does not answer; repeat after Retry-After seconds.",
}

_COMPONENTS: Final = "#/components/schemas/"

_VENDOR_PATHS: Final = ("/configuration/", "/conversation/")

PAYLOAD_SCHEMAS: Final[Mapping[Channel, str]] = {channel: f"{channel}Payload" for channel in Channel}
"""Names of each channel's payload schema."""


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for these error statuses.

    The errors of every authenticated route (401, 403, 429, 503) are always included.
    """
    every = sorted({401, 403, 429, 503, *statuses})
    return {status: {"model": Envelope, "description": _REFUSALS[status]} for status in every}


def shown(payload: object, status: HTTPStatus = HTTPStatus.OK) -> dict[int | str, dict[str, Any]]:
    """An entry of a route's `responses` with an example payload."""
    envelope = Envelope(title=title_of(status, Language.SPANISH), status=status, detail="…", payload=payload)
    return {int(status): {"content": {"application/json": {"example": envelope.model_dump()}}}}


def operation_id(route: APIRoute) -> str:
    """The route's operation id for generated clients: its function's name, marked on a vendor's own path."""
    return f"{route.name}_by_vendor_path" if route.path_format.startswith(_VENDOR_PATHS) else route.name


def complete(document: dict[str, Any], routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """Add request bodies, errors of parameters and response headers to FastAPI's description of these routes."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    bodies = list(_bodies_of(routes))
    for route, body in bodies:
        for method in route.methods or ():
            document["paths"][route.path_format][method.lower()]["requestBody"] = _described(body)
    schemas.update(_schemas_of(body.model for _, body in bodies))
    schemas["SendRequest"]["properties"]["payLoad"] = _of_any_channel()
    for channel, name in PAYLOAD_SCHEMAS.items():
        schemas[name] = _payloads_of(channel)
    # FastAPI describes its own validation errors, which ours replace.
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    for path, item in document["paths"].items():
        for operation in item.values():
            _describe_refused_parameters(path, operation)
    describe_headers(document)
    return _with_names(document)


def _with_names(document: dict[str, Any]) -> dict[str, Any]:
    """The description with each generic model under its own name, `AccountEnvelope` for `Envelope_AccountAnswer_`."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    names = {name: schema["title"] for name, schema in schemas.items() if name.endswith("_")}
    document["components"]["schemas"] = {names.get(name, name): schema for name, schema in schemas.items()}
    return json.loads(re.sub(rf'(?<="{_COMPONENTS})\w+_(?=")', lambda found: names[found[0]], json.dumps(document)))


def _bodies_of(routes: Sequence[BaseRoute]) -> Iterator[tuple[APIRoute, JsonBody]]:
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            calls = (dependant.call for dependant in route.dependant.dependencies)
            yield from ((route, call) for call in calls if isinstance(call, JsonBody))


def _described(body: JsonBody) -> dict[str, Any]:
    content = {
        "schema": {"$ref": f"{_COMPONENTS}{body.model.__name__}"},
        "examples": {name: {"value": value} for name, value in body.examples.items()},
    }
    return {"required": not body.is_optional, "content": {"application/json": content}}


def _schemas_of(bodies: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """The schemas of these bodies and of all payloads, by name."""
    models = [*bodies, *(payload for payloads in PAYLOADS.values() for payload in payloads.values())]
    _, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], ref_template=f"{_COMPONENTS}{{model}}"
    )
    schemas: dict[str, Any] = definitions["$defs"]
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            _describe_default(field)
    return schemas


def _describe_default(field: dict[str, Any]) -> None:
    """Move a default into the description: client generators treat a field with a schema default as always present."""
    default = field.pop("default", None)
    if default is not None and default not in ("", [], {}):
        field["description"] = f"{field.get('description', '')} Default: `{json.dumps(default)}`.".lstrip()


def _payloads_of(channel: Channel) -> dict[str, Any]:
    references = {name: f"{_COMPONENTS}{payload.__name__}" for name, payload in PAYLOADS[channel].items()}
    return {
        "title": PAYLOAD_SCHEMAS[channel],
        "description": f"What {channel} takes, distinguished by `Type`.",
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "Type", "mapping": references},
    }


def _of_any_channel() -> dict[str, Any]:
    return {
        "title": "Payload",
        "description": "What to send, as the integration's channel takes it.",
        "anyOf": [{"$ref": f"{_COMPONENTS}{name}"} for name in PAYLOAD_SCHEMAS.values()],
    }


def _describe_refused_parameters(path: str, operation: dict[str, Any]) -> None:
    """Describe the error for unknown query parameters, which all routes but provider webhooks refuse."""
    responses = operation["responses"]
    if path.startswith("/webhooks/"):
        responses.pop("422", None)
    elif "422" not in responses or "HTTPValidationError" in str(responses["422"]):
        content = {"application/json": {"schema": {"$ref": f"{_COMPONENTS}{Envelope.__name__}"}}}
        responses["422"] = {"description": _REFUSALS[422], "content": content}
