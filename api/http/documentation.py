"""Self-hosted Swagger UI, which needs no other server."""

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from domain.errors import NotFoundError
from domain.problems import Problem

router = APIRouter(include_in_schema=False)

DOCUMENTATION: Final = "/docs"

_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'"
)
"""The page loads only our own files. Swagger UI sets element styles, which count as inline styles."""

_PACKAGE: Final = "fastapi_swagger.resources"
"""Package with Swagger UI's files; its version is locked by hash."""

_MEDIA_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}

_PAGE: Final = f"""<!doctype html>
<html lang="en">
<head>
<title>Iris</title>
<link rel="icon" href="{DOCUMENTATION}/favicon-32x32.png">
<link rel="stylesheet" href="{DOCUMENTATION}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{DOCUMENTATION}/swagger-ui-bundle.js"></script>
<script src="{DOCUMENTATION}/start.js"></script>
</body>
</html>
"""

_START: Final = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""
"""Served as a file, because the page's policy forbids inline scripts. It does not use the external validator."""


@router.get("/")
async def redirect_to_documentation() -> Response:
    """Redirect to the documentation."""
    return RedirectResponse(DOCUMENTATION)


@router.get(DOCUMENTATION)
async def show_documentation() -> Response:
    """The page."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get(f"{DOCUMENTATION}/start.js")
async def start_documentation() -> Response:
    """What the page begins with."""
    return Response(_START, media_type="text/javascript")


@router.get(f"{DOCUMENTATION}/{{file_name}}")
async def show_file(file_name: str) -> Response:
    """A file of Swagger UI.

    Raises:
        NotFoundError: if the page has no such file.
    """
    if file_name not in _MEDIA_TYPES:
        raise NotFoundError([Problem(field="", code="not_found")])
    return Response(_content(file_name), media_type=_MEDIA_TYPES[file_name])


@cache
def _content(file_name: str) -> bytes:
    return (files(_PACKAGE) / file_name).read_bytes()
