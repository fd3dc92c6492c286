"""Check that a process in development, whose secrets and rules are insecure, listens on loopback only."""

from urllib.parse import urlsplit

from security.ssrf_guard import is_loopback
from settings import Environment, Settings


def exposure_problem(settings: Settings, host: str) -> str | None:
    """The reason why the API must not listen on a host with these settings; None if it may.

    In development, secrets may be the published ones, payloads are readable, and tenants may make Iris connect to
    private networks. Nobody else may reach such a process, directly or through a proxy.
    """
    if settings.environment is not Environment.DEVELOPMENT:
        return None
    remedy = "set IRIS_ENVIRONMENT=production, which wants secrets of its own"
    if not is_loopback(host):
        return f"IRIS_ENVIRONMENT is development, in which the API listens on loopback only, not on {host!r}: {remedy}"
    public_host = urlsplit(settings.public_url).hostname or ""
    if settings.has_published_secrets and not is_loopback(public_host):
        return (
            "IRIS_ENVIRONMENT is development with secrets that are published, but IRIS_PUBLIC_URL is "
            f"{settings.public_url}: {remedy}"
        )
    return None
