"""The response headers of the API in the OpenAPI description."""

from collections.abc import Iterator
from typing import Any, Final

_HEADERS: Final = {
    "X-Request-Id": "The request's id, also in the log: the caller's own, or a new one.",
    "RateLimit-Policy": 'Requests (`q`) that a key may send within seconds (`w`): `"key";q=50;w=1`. '
    "Absent if keys are not limited. https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/",
    "RateLimit": 'Requests that are left (`r`), and seconds until all are back (`t`): `"key";r=49;t=1`.',
    "Idempotent-Replayed": "`true` if an earlier request with the same `Idempotency-Key` did it; otherwise absent.",
    "Retry-After": "Seconds after which a repetition makes sense (RFC 9110 §10.2.3).",
}

_LIMITED: Final = ("RateLimit-Policy", "RateLimit")
_REPEATABLE: Final = {"429", "503"}


def describe_headers(document: dict[str, Any]) -> None:
    """Add its headers to each response of the description."""
    document["components"]["headers"] = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
    }
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                references = {name: {"$ref": f"#/components/headers/{name}"} for name in _names(operation, status)}
                response["headers"] = {**response.get("headers", {}), **references}


def _names(operation: dict[str, Any], status: str) -> Iterator[str]:
    yield "X-Request-Id"
    if "429" in operation["responses"] and status != "401":
        yield from _LIMITED
    if status in _REPEATABLE:
        yield "Retry-After"
    takes_a_key = any(one["name"].lower() == "idempotency-key" for one in operation.get("parameters", ()))
    if takes_a_key and status.startswith("2"):
        yield "Idempotent-Replayed"
