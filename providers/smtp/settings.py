"""Settings of an SMTP integration: public configuration and secret credentials."""

import ipaddress
import re
import ssl
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from domain.texts import invalid_value
from providers.provider_settings import ProviderSettings
from providers.smtp.mailbox import is_line_of_text, read_mailbox

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_MAX_LOCAL_PART_LENGTH: Final = 22
"""Part of the 64 characters (RFC 5321 §4.5.3.1.1) that the reference and the code of `Verp` leave."""
_DOMAIN_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")


class Security(StrEnum):
    """Protection of the connection (RFC 8314)."""

    STARTTLS = "starttls"
    """Plaintext, upgraded to TLS before anything is sent; usually port 587."""
    TLS = "tls"
    """TLS from the first byte; usually port 465."""
    NONE = "none"
    """Plaintext: only within this machine."""


@lru_cache(maxsize=64)
def tls_context(trusted_certificates: str | None) -> ssl.SSLContext:
    """Return a TLS context that checks the server's certificate and name.

    Args:
        trusted_certificates: PEM of the trusted authorities; None for the system's.

    Raises:
        ValueError, ssl.SSLError: if the text is not such certificates.
    """
    return ssl.create_default_context(cadata=trusted_certificates)


def _domain_name(text: str) -> str:
    if not _DOMAIN_NAME.fullmatch(text):
        raise invalid_value("debe ser un nombre de dominio en ASCII", "it must be a domain name in ASCII")
    return text


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return _domain_name(text)


def _mailbox(text: str) -> str:
    try:
        read_mailbox(text)
    except ValueError:
        raise invalid_value(
            "debe ser una dirección de correo, como iris@example.com o Iris <iris@example.com>",
            "it must be an e-mail address, such as iris@example.com or Iris <iris@example.com>",
        ) from None
    return text


def _bounce_address(text: str) -> str:
    try:
        mailbox = read_mailbox(text)
    except ValueError:
        mailbox = None
    if mailbox is None or mailbox.name or mailbox.is_international or len(mailbox.local_part) > _MAX_LOCAL_PART_LENGTH:
        raise invalid_value(
            f"debe ser solo una dirección, con como máximo {_MAX_LOCAL_PART_LENGTH} caracteres ASCII antes de la @",
            f"it must be an address alone, with at most {_MAX_LOCAL_PART_LENGTH} ASCII characters before the @",
        )
    return text


def _certificates(text: str) -> str:
    try:
        tls_context(text)
    except (ssl.SSLError, TypeError, ValueError):  # a TypeError where it is not ASCII
        raise invalid_value("deben ser certificados en PEM", "it must be certificates in PEM") from None
    return text


def _one_line(secret: SecretStr) -> SecretStr:
    if not is_line_of_text(secret.get_secret_value()):
        raise invalid_value("no puede tener caracteres de control", "it must have no control characters")
    return secret


DomainName = Annotated[str, AfterValidator(_domain_name)]
Host = Annotated[str, AfterValidator(_host)]
MailboxText = Annotated[str, AfterValidator(_mailbox)]
Certificates = Annotated[str, Field(min_length=1), AfterValidator(_certificates)]
BounceAddress = Annotated[str, AfterValidator(_bounce_address)]
Secret = Annotated[SecretStr, Field(min_length=1), AfterValidator(_one_line)]
Key = Annotated[SecretStr, Field(min_length=16)]


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine; `localhost` always is (RFC 6761 §6.3)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class SmtpConfiguration(ProviderSettings):
    """A mail server, and in whose name to use it.

    Attributes:
        host: its domain name, which its certificate must bear, or its IP address.
        port: where it listens: 587 with `starttls`, 465 with `tls`.
        security: how the connection is protected: `starttls`, `tls` from the first byte, or `none` within this machine.
        sender: the `From`, perhaps with a name: `Iris <iris@example.com>`.
        envelope_sender: where bounces go (RFC 5321 §4.4), where there is no bounce address; the sender unless given.
        bounce_address: whose mail is posted to us; with a bounce secret, each message has an address of its own made
            of it (`Verp`), where its bounces go.
        replies_to_iris: whether replies go there too, unless a message says otherwise.
        message_id_domain: the domain of our message ids and of our greeting; the sender's unless given.
        timeout_seconds: for the whole conversation with the server.
        trusted_certificates: PEM of the only authorities to believe, for servers with a private one.
    """

    host: Host = Field(examples=["smtp.example.com"])
    port: int = Field(ge=1, le=65535, examples=[587])
    security: Security = Security.STARTTLS
    sender: MailboxText = Field(examples=["Iris <iris@example.com>"])
    envelope_sender: MailboxText | None = Field(default=None, examples=["bounces@example.com"])
    bounce_address: BounceAddress | None = Field(default=None, examples=["bounces@example.com"])
    replies_to_iris: bool = False
    message_id_domain: DomainName | None = Field(default=None, examples=["example.com"])
    timeout_seconds: float = Field(default=30, gt=0, le=600)
    trusted_certificates: Certificates | None = None

    @property
    def own_domain(self) -> str:
        """Domain for our message ids and our greeting."""
        return self.message_id_domain or read_mailbox(self.sender).domain

    @property
    def own_addresses(self) -> frozenset[str]:
        """Our sending addresses, in lower case."""
        texts = filter(None, (self.sender, self.envelope_sender, self.bounce_address))
        return frozenset(read_mailbox(text).address.lower() for text in texts)

    @field_validator("security")
    @classmethod
    def _never_clear_over_a_network(cls, security: Security, info: ValidationInfo) -> Security:
        host = info.data.get("host")
        if security is Security.NONE and host is not None and not _is_loopback(host):
            raise invalid_value(
                "none es solo para un servidor en esta máquina", "none is only for a server on this machine"
            )
        return security

    @model_validator(mode="after")
    def _has_an_address_for_replies(self) -> Self:
        if self.replies_to_iris and self.bounce_address is None:
            raise invalid_value("repliesToIris necesita una bounceAddress", "repliesToIris needs a bounceAddress")
        return self


class SmtpCredentials(ProviderSettings):
    """Who we are to the server; nobody, where it asks for no name.

    Attributes:
        username: by which the server knows us, if it asks; with a password.
        password: of that name.
        bounce_secret: the key of the codes in our addresses; without it there are none, and no mail is received.
        webhook_secret: what the mail system signs the mail with that it posts to us, if it does.
    """

    username: Secret | None = None
    password: Secret | None = None
    bounce_secret: Key | None = None
    webhook_secret: Key | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.username is None) is not (self.password is None):
            raise invalid_value(
                "username y password se indican juntos o ninguno",
                "username and password are given together or not at all",
            )
        return self
