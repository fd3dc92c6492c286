"""Settings of Iris from environment variables; secrets may be files of the same names (`EnvironmentSettings`).

Our own variables begin with `IRIS_`; those of MongoDB and Temporal have the names that their own tools use.
`support/logs.py` reads its settings before all others: `IRIS_LOG_LEVEL`, `IRIS_LOG_FORMAT`, `IRIS_LOG_REQUESTS`,
`IRIS_LOG_SENDS`.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Self

from cryptography.fernet import Fernet, MultiFernet
from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from domain.deadlines import Timeouts
from domain.files import ALLOWED_TYPES
from security.payload_codec import EncryptingCodec
from security.signed_urls import FileUrls
from security.ssrf_guard import PRIVATE, AddressGuard, Network


def _seconds(value: object) -> object:
    """Accept seconds as text, as in environment variables, where pydantic only accepts ISO 8601."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


Duration = Annotated[timedelta, BeforeValidator(_seconds), Field(ge=timedelta())]
"""A duration; in the environment, seconds (`90`, `0.5`) or ISO 8601 (`PT1H`)."""


def _networks(value: object) -> object:
    """Split networks at commas, as in environment variables."""
    if not isinstance(value, str):
        return value
    return tuple(ip_network(network.strip()) for network in value.split(",") if network.strip())


Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
"""Networks of IP addresses; in the environment as CIDRs, separated by commas (`10.1.2.3/32,fd00::/8`)."""


def _names(value: object) -> object:
    """Split names at commas, as in environment variables."""
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(",") if name.strip())


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
"""Names; in the environment separated by commas."""

HostAndPort = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")]
"""An address to listen on, such as `127.0.0.1:9464`."""

DEVELOPMENT_SECRET: Final = "development-only-development-only"  # noqa: S105 - refused outside development
MIN_SECRET_LENGTH: Final = 32
DEVELOPMENT_ENCRYPTION_KEY: Final = "ZGV2ZWxvcG1lbnQtb25seS1kZXZlbG9wbWVudC1vbmw="


class Environment(StrEnum):
    """Environment that Iris runs in; secrets are required except in development."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


SECRETS_DIRECTORY: Final = "/run/secrets"
"""Directory of secret files in Docker and Kubernetes."""


class EnvironmentSettings(BaseSettings):
    """Settings from environment variables, else from secret files.

    The files have the names of the variables, in either letter case, and are in `IRIS_SECRETS_DIR`, else in
    `SECRETS_DIRECTORY`.
    """

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the secrets directory of the environment as a source."""
        directory = os.environ.get("IRIS_SECRETS_DIR") or SECRETS_DIRECTORY
        files = [SecretsSettingsSource(settings_cls, directory)] if Path(directory).is_dir() else []
        return init_settings, env_settings, *files


class Settings(EnvironmentSettings):
    """The settings of a process, read once from its environment.

    Attributes:
        environment: `IRIS_ENVIRONMENT`, `development` or `production`, which requires all secrets.
        mongodb_uri: `MONGODB_URI`; a replica set (`docs/decisions/0003`).
        mongodb_database: `IRIS_MONGODB_DATABASE`, the database's name.
        temporal_address: `TEMPORAL_ADDRESS`, host:port.
        temporal_namespace: `TEMPORAL_NAMESPACE`, which must exist.
        temporal_api_key: `TEMPORAL_API_KEY`, for Temporal Cloud; implies TLS.
        temporal_worker_build_id: `TEMPORAL_WORKER_BUILD_ID`, the version of this worker (`docs/deploying.md`); if
            unset, a worker takes workflows of any version. Temporal's Worker Controller for Kubernetes sets it.
        temporal_deployment_name: `TEMPORAL_DEPLOYMENT_NAME`, the deployment that worker versions belong to.
        temporal_tls_cert, temporal_tls_key, temporal_tls_ca: paths of PEM files, for mutual TLS.
        task_queue: the Temporal task queue of the interactions.
        public_url: `IRIS_PUBLIC_URL`, the public base URL of this API for providers; signatures cover it.
        trusted_proxies: the networks of the proxies whose `X-Forwarded-For` is trusted; none by default, so that all
            callers behind a proxy count as one (`docs/decisions/0038`).
        cors_origins: the allowed CORS origins, separated by commas (`https://crm.example.com`); none by default.
        jwt_secret: the signing key of access tokens; at least 32 characters.
        token_lifetime: how long an access token is valid.
        refresh_lifetime: how long after its last refresh a session ends.
        encryption_keys: Fernet keys of credentials at rest, newest first, separated by commas.
        payload_keys: keys of payloads in Temporal's histories (32 bytes, URL-safe base64), separated by commas: the
            first encrypts, all decrypt (`docs/encryption.md`). Required except in development, where histories are
            readable without them.
        allowed_networks: `IRIS_ALLOWED_NETWORKS`, the non-public networks that providers and mail servers may be in
            (`docs/decisions/0012`): none by default, in development loopback and private ones.
        max_body_bytes: maximum bytes of a request body; a workflow task has four megabytes and holds it seven times.
        max_webhook_bytes: maximum bytes of a webhook body, unless the provider's own limit is lower; larger, because a
            webhook may be an e-mail.
        max_attachment_bytes: maximum bytes of an uploaded file.
        attachment_types: allowed media types of uploaded files, separated by commas.
        orphaned_attachment_ttl: how long an uploaded file is kept until an interaction uses it.
        file_url_ttl: how long a file URL for a provider is valid.
        max_concurrent_submissions: maximum concurrent submissions of an API process; others are refused to be retried;
            about as many as two cores admit within `admission_timeout` (`docs/operations.md`).
        max_concurrent_webhooks: the same for webhooks, counted separately, so that neither blocks the other.
        requests_per_second: rate limit of each API key in an API process, with bursts of one second's worth; unlimited
            by default.
        admission_timeout: how long the send call waits for a worker before it answers VALIDATION_PENDING.
        receipt_window: how long an interaction waits for receipts after its dispatch.
        dispatch_timeout: how long an attempt to send may take before it counts as lost; longer than any provider's
            timeout.
        dispatch_deadline: how long a send is retried while the provider has certainly not accepted it.
        reconciliation_interval: how often MongoDB and Temporal are compared (`docs/doctor.md`).
        lookup_cache_ttl: how long API keys, sessions and integrations are cached. Other API processes may not notice
            changes of keys, sessions and accounts for that long; a change stream follows changes of integrations.
        erasure_grace_period: how long after a user's merge or erasure operations that read it before may still write;
            afterwards all data is checked again. Longer than any database operation.
        accept_possible_numbers: whether a phone number without `+` or `00` only needs a valid length for its country,
            rather than a range known to be in use; for ranges that are newer than this version of Iris.
        workflow_sandbox: whether the worker runs workflows in Temporal's sandbox; it doubles the worker's CPU
            (`docs/decisions/0006`), so tests run with it and production does not need to.
        max_concurrent_sends_per_provider: maximum concurrent sends of a worker for each provider
            (`docs/decisions/0013`).
        max_concurrent_streams: maximum event streams of an API process; each queries MongoDB once a second.
        max_concurrent_notifications: maximum concurrent webhook deliveries of a worker (`docs/decisions/0020`).
        notification_timeout: the timeout of a tenant's endpoint.
        max_cached_workflows: maximum open workflows in a worker's memory.
        metrics_address: `IRIS_METRICS_ADDRESS`, where a worker serves Prometheus metrics, such as `127.0.0.1:9464`;
            disabled by default. The API serves them at `/metrics`.
        temporal_metrics_address: `IRIS_TEMPORAL_METRICS_ADDRESS`, the same for the metrics of Temporal's SDK.
    """

    model_config = SettingsConfigDict(
        env_prefix="IRIS_", extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    environment: Environment = Environment.DEVELOPMENT
    mongodb_uri: SecretStr = Field(
        default=SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0"), validation_alias="MONGODB_URI"
    )
    mongodb_database: str = "iris"
    temporal_address: str = Field(default="127.0.0.1:7233", validation_alias="TEMPORAL_ADDRESS")
    temporal_namespace: str = Field(default="default", validation_alias="TEMPORAL_NAMESPACE")
    temporal_api_key: SecretStr | None = Field(default=None, validation_alias="TEMPORAL_API_KEY")
    temporal_worker_build_id: str | None = Field(
        default=None, min_length=1, validation_alias="TEMPORAL_WORKER_BUILD_ID"
    )
    temporal_deployment_name: str = Field(default="iris", validation_alias="TEMPORAL_DEPLOYMENT_NAME")
    temporal_tls_cert: Path | None = Field(default=None, validation_alias="TEMPORAL_TLS_CERT")
    temporal_tls_key: Path | None = Field(default=None, validation_alias="TEMPORAL_TLS_KEY")
    temporal_tls_ca: Path | None = Field(default=None, validation_alias="TEMPORAL_TLS_CA")
    task_queue: str = "iris"
    public_url: str = "http://127.0.0.1:8000"
    trusted_proxies: Networks = ()
    cors_origins: Names = ()
    jwt_secret: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    token_lifetime: Duration = timedelta(hours=1)
    refresh_lifetime: Duration = timedelta(days=30)
    encryption_keys: SecretStr = SecretStr(DEVELOPMENT_ENCRYPTION_KEY)
    payload_keys: SecretStr = SecretStr("")
    allowed_networks: Networks | None = None
    max_body_bytes: int = Field(default=262_144, gt=0, le=262_144)
    max_webhook_bytes: int = Field(default=26_214_400, gt=0)
    max_attachment_bytes: int = Field(default=26_214_400, gt=0)
    attachment_types: Names = ALLOWED_TYPES
    orphaned_attachment_ttl: Duration = timedelta(days=7)
    file_url_ttl: Duration = timedelta(days=1)
    max_concurrent_submissions: int = Field(default=200, ge=1)
    max_concurrent_webhooks: int = Field(default=100, ge=1)
    requests_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    admission_timeout: Duration = timedelta(seconds=5)
    receipt_window: Duration = timedelta(hours=72)
    dispatch_timeout: Duration = timedelta(seconds=60)
    dispatch_deadline: Duration = timedelta(hours=1)
    reconciliation_interval: Duration = Field(default=timedelta(minutes=10), ge=timedelta(seconds=1))
    lookup_cache_ttl: Duration = timedelta(seconds=5)
    erasure_grace_period: Duration = timedelta(seconds=30)
    accept_possible_numbers: bool = False
    workflow_sandbox: bool = False
    max_concurrent_sends_per_provider: int = Field(default=200, ge=1)
    max_concurrent_streams: int = Field(default=50, ge=1)
    max_concurrent_notifications: int = Field(default=100, ge=1)
    notification_timeout: Duration = Field(default=timedelta(seconds=20), le=timedelta(seconds=60))
    max_cached_workflows: int = Field(default=5_000, ge=100)
    metrics_address: HostAndPort | None = None
    temporal_metrics_address: HostAndPort | None = None

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
