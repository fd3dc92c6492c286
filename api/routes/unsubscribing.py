"""Public page of the unsubscribe links in marketing e-mails, and their one-click target (RFC 8058)."""

from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from api.http.request_body import read_bytes
from api.state import IrisState, State
from domain.texts import Forms, chosen_language, pages
from models.integration import Integration
from security.unsubscribe_tokens import UnsubscribeToken

router = APIRouter(include_in_schema=False)

MAX_BODY_BYTES: Final = 1_024
"""Largest body of a POST; mail services send `List-Unsubscribe=One-Click` (RFC 8058 §3.2)."""

_STYLE: Final = (
    "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#111}"
    "button{font:inherit;padding:.75rem 1.5rem;border:2px solid #0b3d91;background:#0b3d91;color:#fff}"
    "button:focus-visible{outline:3px solid #111;outline-offset:3px}"
)

_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The page loads nothing and runs no script."""


@router.get("/u/{token}")
async def show_unsubscribe_page(token: str, state: State) -> Response:
    """Ask whether the person unsubscribes; nothing changes, because mail scanners follow links."""
    if await _find(token, state) is None:
        return _not_found()
    question = f"<p>{_say(pages.UNSUBSCRIBE_QUESTION)}</p>"
    button = f'<form method="post"><button>{_say(pages.UNSUBSCRIBE_BUTTON)}</button></form>'
    return _page(pages.UNSUBSCRIBE_TITLE, question + button)


@router.post("/u/{token}")
async def unsubscribe(token: str, request: Request, state: State) -> Response:
    """Unsubscribe the person, however often it is called; the body, which mail services send, does not count."""
    found = await _find(token, state)
    if found is None:
        return _not_found()
    integration, signed = found
    await read_bytes(request, MAX_BODY_BYTES)
    with state.webhooks.acquire(integration.tenant, integration.id):
        await state.consents.unsubscribe(integration.tenant, signed)
    return _page(pages.UNSUBSCRIBE_TITLE, f'<p role="status">{_say(pages.UNSUBSCRIBED)}</p>')


async def _find(text: str, state: IrisState) -> tuple[Integration, UnsubscribeToken] | None:
    """The sender of a link, also a deleted one, and the link's token; None if the token is invalid."""
    token = UnsubscribeToken.parse(text)
    integration = None if token is None else await state.integrations.find(token.integration_id)
    if token is None or integration is None or not await state.consents.has_signed(integration.tenant, token):
        return None
    return integration, token


def _not_found() -> Response:
    return _page(pages.LINK_INVALID_TITLE, f"<p>{_say(pages.LINK_INVALID)}</p>", HTTPStatus.NOT_FOUND)


def _say(forms: Forms) -> str:
    return forms[chosen_language()]


def _page(title: Forms, content: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A page without scripts; its texts are ours, so that there is nothing to escape."""
    heading = _say(title)
    return HTMLResponse(
        f'<!doctype html>\n<html lang="{chosen_language()}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>{heading}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{heading}</h1>\n{content}\n</main>\n</body>\n</html>\n",
        status,
        {"Content-Security-Policy": _POLICY},
    )
