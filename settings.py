"""Settings of Iris from environment variables; secrets may be files of the same names (`support/environment.py`).

Our own variables begin with `IRIS_`; those of MongoDB and Temporal have the names that their own tools use.
`support/logs.py` reads its settings before all others: `IRIS_LOG_LEVEL`, `IRIS_LOG_FORMAT`, `IRIS_LOG_REQUESTS`,
`IRIS_LOG_SENDS`.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Self

from cryptography.fernet import Fernet, MultiFernet
from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from domain.deadlines import Timeouts
from domain.files import ALLOWED_TYPES
from security.payload_codec import EncryptingCodec
from security.signed_urls import FileUrls
from security.ssrf_guard import PRIVATE, AddressGuard, Network
from support.environment import Duration, EnvironmentSettings, Names


def _networks(value: object) -> object:
    """Split networks at commas, as in environment variables."""
    if not isinstance(value, str):
        return value
    return tuple(ip_network(network.strip()) for network in value.split(",") if network.strip())


Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
"""Networks of IP addresses; in the environment as CIDRs, separated by commas (`10.1.2.3/32,fd00::/8`)."""


HostAndPort = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")]
"""An address to listen on, such as `127.0.0.1:9464`."""

DEVELOPMENT_SECRET: Final = "development-only-development-only"  # noqa: S105 - refused outside development
MIN_SECRET_LENGTH: Final = 32
DEVELOPMENT_ENCRYPTION_KEY: Final = "ZGV2ZWxvcG1lbnQtb25seS1kZXZlbG9wbWVudC1vbmw="


class Environment(StrEnum):
    """Environment that Iris runs in; secrets are required except in development."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(EnvironmentSettings):
    """The settings of a process, read once from its environment."""

    model_config = SettingsConfigDict(
        env_prefix="IRIS_", extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    environment: Environment = Field(
        default=Environment.DEVELOPMENT, description="`development`, or `production`, which requires all secrets."
    )
    mongodb_uri: SecretStr = Field(
        default=SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0"),
        validation_alias="MONGODB_URI",
        description="URI of MongoDB, a replica set (`docs/decisions/0003`).",
    )
    mongodb_database: str = Field(default="iris", description="Name of the database.")
    temporal_address: str = Field(
        default="127.0.0.1:7233", validation_alias="TEMPORAL_ADDRESS", description="Address of Temporal, `host:port`."
    )
    temporal_namespace: str = Field(
        default="default", validation_alias="TEMPORAL_NAMESPACE", description="Temporal namespace, which must exist."
    )
    temporal_api_key: SecretStr | None = Field(
        default=None, validation_alias="TEMPORAL_API_KEY", description="API key of Temporal Cloud; implies TLS."
    )
    temporal_worker_build_id: str | None = Field(
        default=None,
        min_length=1,
        validation_alias="TEMPORAL_WORKER_BUILD_ID",
        description=(
            "Version of this worker (`docs/deploying.md`); if unset, a worker takes workflows of any version. "
            "Temporal's Worker Controller for Kubernetes sets it."
        ),
    )
    temporal_deployment_name: str = Field(
        default="iris",
        validation_alias="TEMPORAL_DEPLOYMENT_NAME",
        description="Deployment that worker versions belong to.",
    )
    temporal_tls_cert: Path | None = Field(
        default=None,
        validation_alias="TEMPORAL_TLS_CERT",
        description="Path of the client certificate (PEM), for mutual TLS.",
    )
    temporal_tls_key: Path | None = Field(
        default=None,
        validation_alias="TEMPORAL_TLS_KEY",
        description="Path of the client certificate's key (PEM), for mutual TLS.",
    )
    temporal_tls_ca: Path | None = Field(
        default=None,
        validation_alias="TEMPORAL_TLS_CA",
        description="Path of the certificate of the server's authority (PEM), if it is not a public one.",
    )
    task_queue: str = Field(default="iris", description="Temporal task queue of the interactions.")
    public_url: str = Field(
        default="http://127.0.0.1:8000", description="Public base URL of this API for providers; signatures cover it."
    )
    trusted_proxies: Networks = Field(
        default=(),
        description=(
            "Networks of the proxies whose `X-Forwarded-For` is trusted; none by default, so that all callers behind a "
            "proxy count as one (`docs/decisions/0038`)."
        ),
    )
    cors_origins: Names = Field(
        default=(),
        description="Allowed CORS origins, separated by commas (`https://crm.example.com`); none by default.",
    )
    jwt_secret: SecretStr = Field(
        default=SecretStr(DEVELOPMENT_SECRET), description="Signing key of access tokens; at least 32 characters."
    )
    token_lifetime: Duration = Field(default=timedelta(hours=1), description="Validity of an access token.")
    refresh_lifetime: Duration = Field(
        default=timedelta(days=30), description="Time after its last refresh at which a session ends."
    )
    encryption_keys: SecretStr = Field(
        default=SecretStr(DEVELOPMENT_ENCRYPTION_KEY),
        description="Fernet keys of stored credentials, newest first, separated by commas.",
    )
    payload_keys: SecretStr = Field(
        default=SecretStr(""),
        description=(
            "Keys of payloads in Temporal's histories (32 bytes, URL-safe base64), separated by commas: the first "
            "encrypts, all decrypt (`docs/encryption.md`). Required except in development, where histories are "
            "readable without them."
        ),
    )
    allowed_networks: Networks | None = Field(
        default=None,
        description=(
            "Non-public networks that providers and mail servers may be in (`docs/decisions/0012`): none by default, "
            "in development loopback and private ones."
        ),
    )
    max_body_bytes: int = Field(
        default=262_144,
        gt=0,
        le=262_144,
        description="Maximum bytes of a request body; a workflow task has four megabytes and holds it seven times.",
    )
    max_webhook_bytes: int = Field(
        default=26_214_400,
        gt=0,
        description=(
            "Maximum bytes of a webhook body, unless the provider's own limit is lower; larger, because a webhook may "
            "be an e-mail."
        ),
    )
    max_attachment_bytes: int = Field(default=26_214_400, gt=0, description="Maximum bytes of an uploaded file.")
    attachment_types: Names = Field(
        default=ALLOWED_TYPES, description="Allowed media types of uploaded files, separated by commas."
    )
    orphaned_attachment_ttl: Duration = Field(
        default=timedelta(days=7), description="Time that an uploaded file is kept until an interaction uses it."
    )
    file_url_ttl: Duration = Field(default=timedelta(days=1), description="Validity of a file URL for a provider.")
    max_concurrent_submissions: int = Field(
        default=200,
        ge=1,
        description=(
            "Maximum concurrent submissions of an API process; others are refused to be retried. About as many as two "
            "cores admit within `IRIS_ADMISSION_TIMEOUT` (`docs/operations.md`)."
        ),
    )
    max_concurrent_webhooks: int = Field(
        default=100,
        ge=1,
        description=(
            "Maximum concurrent webhooks of an API process, counted separately from submissions, so that neither "
            "blocks the other."
        ),
    )
    requests_per_second: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description=(
            "Rate limit of each API key in an API process, with bursts of one second's worth; unlimited by default."
        ),
    )
    admission_timeout: Duration = Field(
        default=timedelta(seconds=5),
        description="Time that a send call waits for a worker before it answers `VALIDATION_PENDING`.",
    )
    receipt_window: Duration = Field(
        default=timedelta(hours=72), description="Time that an interaction waits for receipts after its dispatch."
    )
    dispatch_timeout: Duration = Field(
        default=timedelta(seconds=60),
        description=(
            "Timeout of an attempt to send, after which its outcome is unknown; longer than any provider's timeout."
        ),
    )
    dispatch_deadline: Duration = Field(
        default=timedelta(hours=1),
        description="Time that a send is retried while the provider has certainly not accepted it.",
    )
    reconciliation_interval: Duration = Field(
        default=timedelta(minutes=10),
        ge=timedelta(seconds=1),
        description="Interval between two comparisons of MongoDB with Temporal (`docs/doctor.md`).",
    )
    lookup_cache_ttl: Duration = Field(
        default=timedelta(seconds=5),
        description=(
            "Time that API keys, sessions, integrations and sending rules are cached. Other processes may not notice "
            "changes of keys, sessions, accounts and rules for that long; a change stream follows changes of "
            "integrations."
        ),
    )
    erasure_grace_period: Duration = Field(
        default=timedelta(seconds=30),
        description=(
            "Time after a user's merge or erasure in which operations that read it before may still write; afterwards "
            "all data is checked again. Longer than any database operation."
        ),
    )
    accept_possible_numbers: bool = Field(
        default=False,
        description=(
            "Whether a phone number without `+` or `00` only needs a valid length for its country, rather than a range "
            "known to be in use; for ranges that are newer than this version of Iris."
        ),
    )
    workflow_sandbox: bool = Field(
        default=False,
        description=(
            "Whether the worker runs workflows in Temporal's sandbox; it doubles the worker's CPU "
            "(`docs/decisions/0006`). The tests replay every recorded scenario in it, so production does not need to."
        ),
    )
    max_concurrent_sends_per_provider: int = Field(
        default=200, ge=1, description="Maximum concurrent sends of a worker for each provider (`docs/decisions/0013`)."
    )
    max_concurrent_streams: int = Field(
        default=50, ge=1, description="Maximum event streams of an API process; each queries MongoDB once a second."
    )
    max_concurrent_notifications: int = Field(
        default=100, ge=1, description="Maximum concurrent webhook deliveries of a worker (`docs/decisions/0020`)."
    )
    notification_timeout: Duration = Field(
        default=timedelta(seconds=20),
        le=timedelta(seconds=60),
        description="Timeout of one request to a tenant's webhook endpoint.",
    )
    max_cached_workflows: int = Field(default=5_000, ge=100, description="Maximum open workflows in a worker's memory.")
    metrics_address: HostAndPort | None = Field(
        default=None,
        description=(
            "Address where a worker serves Prometheus metrics, such as `127.0.0.1:9464`; disabled by default. The API "
            "serves them at `/metrics`."
        ),
    )
    temporal_metrics_address: HostAndPort | None = Field(
        default=None, description="Address where a worker serves the metrics of Temporal's SDK; disabled by default."
    )

    @model_validator(mode="after")
    def _refuse_weak_secrets(self) -> Self:
        wrong = [*self._weak_secrets(), *self._development_secrets()]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _weak_secrets(self) -> Iterator[str]:
        if len(self.jwt_secret.get_secret_value()) < MIN_SECRET_LENGTH:
            yield f"IRIS_JWT_SECRET must have at least {MIN_SECRET_LENGTH} characters"
        try:
            MultiFernet([Fernet(key) for key in self.vault_keys()])
        except ValueError:
            yield "IRIS_ENCRYPTION_KEYS must be Fernet keys (32 bytes, URL-safe base64) separated by commas"
        try:
            self.payload_codec()
        except ValueError:
            yield "IRIS_PAYLOAD_KEYS must be keys of 32 bytes in URL-safe base64, separated by commas"

    def _development_secrets(self) -> Iterator[str]:
        if self.environment is Environment.DEVELOPMENT:
            return
        if self.jwt_secret.get_secret_value() == DEVELOPMENT_SECRET:
            yield f"IRIS_JWT_SECRET must be set in {self.environment}"
        if DEVELOPMENT_ENCRYPTION_KEY in self.vault_keys():
            yield f"IRIS_ENCRYPTION_KEYS must be set in {self.environment}"
        if not self.payload_keys.get_secret_value():
            yield f"IRIS_PAYLOAD_KEYS must be set in {self.environment}"

    @property
    def has_published_secrets(self) -> bool:
        """Whether a secret has its published development value from this file."""
        is_published = self.jwt_secret.get_secret_value() == DEVELOPMENT_SECRET
        return is_published or DEVELOPMENT_ENCRYPTION_KEY in self.vault_keys()

    def address_guard(self) -> AddressGuard:
        """The SSRF guard for connections on a tenant's behalf."""
        allowed = self.allowed_networks
        if allowed is None:
            allowed = PRIVATE if self.environment is Environment.DEVELOPMENT else ()
        return AddressGuard(tuple(allowed))

    def file_urls(self) -> FileUrls:
        """The signed URLs of uploaded files."""
        return FileUrls(self.jwt_secret.get_secret_value(), self.public_url, self.file_url_ttl)

    def payload_codec(self) -> EncryptingCodec | None:
        """The codec that encrypts workflow payloads, if there are keys.

        Raises:
            ValueError: if they are malformed.
        """
        keys = self.payload_keys.get_secret_value()
        return EncryptingCodec.of(keys) if keys else None

    @property
    def windows(self) -> Timeouts:
        """The timeouts of interactions."""
        return Timeouts(self.receipt_window, self.dispatch_deadline)

    def vault_keys(self) -> list[str]:
        """The keys of `security.credential_encryption.Vault`, newest first."""
        return [key.strip() for key in self.encryption_keys.get_secret_value().split(",")]


@lru_cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
