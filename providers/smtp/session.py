"""Connection to a mail server up to authentication (RFC 5321 §3.1, §3.2)."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, cast

import aiosmtplib

from domain.outcomes import FailureClass, Outcome, OutcomeUnknown, Rejected
from providers.base import GOOD, Check, TransientError, UnsentError
from providers.http import refused
from providers.redaction import redaction
from providers.smtp.responses import Phase, RefusalError, classify_reply
from providers.smtp.settings import Security, SmtpConfiguration, SmtpCredentials, tls_context
from security.ssrf_guard import AddressGuard, ForbiddenAddressError

QUIT_TIMEOUT_SECONDS: Final = 2.0
"""Seconds for QUIT: nothing depends on its reply."""

Said = TypeVar("Said")


class Session:
    """Connection to one server.

    `aiosmtplib` raises the same exception for a connection lost before and after a message is handed over, so the
    phase is tracked here: only a loss within DATA leaves the outcome unknown.
    """

    def __init__(self, configuration: SmtpConfiguration, credentials: SmtpCredentials, guard: AddressGuard) -> None:
        self._configuration = configuration
        self._credentials = credentials
        self._guard = guard
        self._phase = Phase.CONNECT
        self._redact = redaction([credentials.password.get_secret_value()] if credentials.password else [])
        self._smtp = aiosmtplib.SMTP(
            hostname=configuration.host,  # what its certificate must say; the connection is made by the guard
            local_hostname=configuration.own_domain,
            use_tls=configuration.security is Security.TLS,
            start_tls=False,  # never left to what the server offers: `_secure` insists
            tls_context=tls_context(configuration.trusted_certificates),
            timeout=None,  # one deadline for the whole instead
        )

    async def check(self) -> Check:
        """Authenticate, and quit.

        Raises:
            TransientError: when the server does not answer, or not now.
        """
        outcome = await self._run(self._introduce)
        return refused(outcome) if isinstance(outcome, Rejected) else GOOD

    async def _run(self, say: Callable[[], Awaitable[Said]]) -> Said | Outcome:
        """Run a conversation within the overall time limit, quit, and return its result.

        Raises:
            TransientError: when the server certainly did not accept it, and may later.
        """
        deadline = asyncio.get_running_loop().time() + self._configuration.timeout_seconds
        try:
            verdict = await self._verdict(say, deadline)
            await self._quit(deadline)
        finally:
            self._abort()
        if isinstance(verdict, TransientError):
            raise verdict
        return verdict

    async def _verdict(self, say: Callable[[], Awaitable[Said]], deadline: float) -> Said | Outcome | TransientError:
        try:
            async with asyncio.timeout_at(deadline):
                return await say()
        except RefusalError as error:
            return error.rejected
        except aiosmtplib.SMTPResponseException as error:
            return classify_reply(self._phase, error.code, self._redact(error.message))
        except (aiosmtplib.SMTPException, OSError) as error:
            self._abort()
            return self._classify_loss(error)
        except Exception as error:
            if self._phase is Phase.DATA or isinstance(error, ForbiddenAddressError):
                raise
            raise UnsentError(f"{self._phase.name}: {type(error).__name__}") from error

    async def _introduce(self) -> None:
        where = self._configuration
        connection = await self._guard.connect(where.host, where.port, where.timeout_seconds)
        await self._smtp.connect(sock=connection)
        await self._greet()
        if where.security is Security.STARTTLS:
            await self._secure()
            await self._greet()
        await self._authenticate()

    async def _greet(self) -> None:
        self._phase = Phase.EHLO
        await self._smtp.ehlo()

    async def _secure(self) -> None:
        self._phase = Phase.STARTTLS
        if not self._smtp.supports_extension("starttls"):
            raise RefusalError("starttls_not_offered", FailureClass.CONFIGURATION, "the server does not offer STARTTLS")
        await self._smtp.starttls()

    async def _authenticate(self) -> None:
        """Authenticate by the first mechanism that the server offers.

        Only one is tried: trying the next after a refusal would count one wrong password twice.
        """
        username, password = self._credentials.username, self._credentials.password
        if username is None or password is None:
            return
        self._phase = Phase.AUTH
        offered = self._smtp.server_auth_methods
        if "plain" in offered:
            await self._smtp.auth_plain(username.get_secret_value(), password.get_secret_value())
        elif "login" in offered:
            await self._smtp.auth_login(username.get_secret_value(), password.get_secret_value())
        else:
            raise RefusalError(
                "auth_not_offered", FailureClass.CONFIGURATION, "the server offers no AUTH PLAIN or LOGIN"
            )

    def _classify_loss(self, error: Exception) -> Outcome | TransientError:
        """Classify a conversation that ended without a reply."""
        detail = f"{self._phase.name}: {type(error).__name__}: {error}"
        if self._phase is Phase.DATA:
            return OutcomeUnknown(detail=detail)
        if isinstance(error.__cause__ or error, ssl.SSLCertVerificationError):
            return Rejected(code="untrusted_certificate", failure=FailureClass.CONFIGURATION, detail=detail)
        if isinstance(error, TimeoutError):
            return TransientError("timeout", detail)
        return TransientError("unreachable" if self._phase is Phase.CONNECT else "disconnected", detail)

    async def _quit(self, deadline: float) -> None:
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout_at(min(deadline, now + QUIT_TIMEOUT_SECONDS)):
                await self._smtp.quit()

    def _abort(self) -> None:
        """Close the connection at once: a graceful close waits until an unresponsive peer has read everything."""
        if self._smtp.transport is not None:
            cast("asyncio.WriteTransport", self._smtp.transport).abort()
        self._smtp.close()
