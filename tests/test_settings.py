"""Settings: each has an environment variable, and outside development every secret must be set."""

import os
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from embedded.demo import DemoSettings
from embedded.gateway.settings import GatewaySettings
from embedded.secret_environment import STACK_SECRETS
from settings import DEVELOPMENT_ENCRYPTION_KEY, DEVELOPMENT_SECRET, Environment, Settings
from temporal.codec_endpoint import CodecSettings

SECRET = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"
KEY = "czNjcjN0LXMzY3IzdC1zM2NyM3QtczNjcjN0LXMzY3I="
WRITTEN: dict[str, tuple[str, Any]] = {
    "IRIS_TRUSTED_PROXIES": ("10.0.0.1/32, fd00::/8", (IPv4Network("10.0.0.1/32"), IPv6Network("fd00::/8"))),
    "IRIS_ENVIRONMENT": ("production", Environment.PRODUCTION),
    "MONGODB_URI": ("mongodb://iris:s3cr3t@db", SecretStr("mongodb://iris:s3cr3t@db")),
    "IRIS_MONGODB_DATABASE": ("other", "other"),
    "TEMPORAL_ADDRESS": ("temporal:7233", "temporal:7233"),
    "TEMPORAL_NAMESPACE": ("other", "other"),
    "TEMPORAL_API_KEY": (SECRET, SecretStr(SECRET)),
    "TEMPORAL_WORKER_BUILD_ID": ("2", "2"),
    "TEMPORAL_DEPLOYMENT_NAME": ("other", "other"),
    "TEMPORAL_TLS_CERT": ("/cert.pem", Path("/cert.pem")),
    "TEMPORAL_TLS_KEY": ("/key.pem", Path("/key.pem")),
    "TEMPORAL_TLS_CA": ("/ca.pem", Path("/ca.pem")),
    "IRIS_TASK_QUEUE": ("other", "other"),
    "IRIS_PUBLIC_URL": ("https://iris.example", "https://iris.example"),
    "IRIS_CORS_ORIGINS": ("https://crm.example.com", ("https://crm.example.com",)),
    "IRIS_JWT_SECRET": (SECRET, SecretStr(SECRET)),
    "IRIS_TOKEN_LIFETIME": ("PT2H", timedelta(hours=2)),
    "IRIS_REFRESH_LIFETIME": ("P7D", timedelta(days=7)),
    "IRIS_REQUESTS_PER_SECOND": ("2.5", 2.5),
    "IRIS_ENCRYPTION_KEYS": (KEY, SecretStr(KEY)),
    "IRIS_PAYLOAD_KEYS": (KEY, SecretStr(KEY)),
    "IRIS_ALLOWED_NETWORKS": ("10.1.2.3/32, fd00::/8", (IPv4Network("10.1.2.3/32"), IPv6Network("fd00::/8"))),
    "IRIS_MAX_BODY_BYTES": ("1000", 1000),
    "IRIS_MAX_WEBHOOK_BYTES": ("2000", 2000),
    "IRIS_MAX_ATTACHMENT_BYTES": ("3000", 3000),
    "IRIS_ATTACHMENT_TYPES": ("image/png, application/pdf", ("image/png", "application/pdf")),
    "IRIS_ORPHANED_ATTACHMENT_TTL": ("P2D", timedelta(days=2)),
    "IRIS_FILE_URL_TTL": ("PT1H", timedelta(hours=1)),
    "IRIS_MAX_CONCURRENT_SUBMISSIONS": ("30", 30),
    "IRIS_MAX_CONCURRENT_WEBHOOKS": ("40", 40),
    "IRIS_ADMISSION_TIMEOUT": ("0.5", timedelta(seconds=0.5)),
    "IRIS_RECEIPT_WINDOW": ("P1D", timedelta(days=1)),
    "IRIS_DISPATCH_TIMEOUT": ("90", timedelta(seconds=90)),
    "IRIS_DISPATCH_DEADLINE": ("PT30M", timedelta(minutes=30)),
    "IRIS_LOOKUP_CACHE_TTL": ("1.5", timedelta(seconds=1.5)),
    "IRIS_ERASURE_GRACE_PERIOD": ("20", timedelta(seconds=20)),
    "IRIS_RECONCILIATION_INTERVAL": ("60", timedelta(minutes=1)),
    "IRIS_ACCEPT_POSSIBLE_NUMBERS": ("true", True),
    "IRIS_WORKFLOW_SANDBOX": ("true", True),
    "IRIS_MAX_CONCURRENT_SENDS_PER_PROVIDER": ("20", 20),
    "IRIS_MAX_CACHED_WORKFLOWS": ("200", 200),
    "IRIS_MAX_CONCURRENT_STREAMS": ("2", 2),
    "IRIS_MAX_CONCURRENT_NOTIFICATIONS": ("10", 10),
    "IRIS_NOTIFICATION_TIMEOUT": ("5", timedelta(seconds=5)),
    "IRIS_METRICS_ADDRESS": ("0.0.0.0:9464", "0.0.0.0:9464"),
    "IRIS_TEMPORAL_METRICS_ADDRESS": ("[::]:9465", "[::]:9465"),
}
PRODUCTION = {"IRIS_ENVIRONMENT": "production", "IRIS_JWT_SECRET": SECRET} | dict.fromkeys(
    ("IRIS_ENCRYPTION_KEYS", "IRIS_PAYLOAD_KEYS"), KEY
)


def field_of(variable: str) -> str:
    """Field that an environment variable sets: its name without our prefix."""
    return variable.lower().removeprefix("iris_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("IRIS_", "TEMPORAL_", "MONGODB_")):
            monkeypatch.delenv(name)


def settings_with(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_every_field_has_a_name_in_the_environment() -> None:
    assert {field_of(name) for name in WRITTEN} == set(Settings.model_fields)


def test_every_name_in_the_environment_sets_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_with(monkeypatch, {name: text for name, (text, _) in WRITTEN.items()})
    assert {name: getattr(found, field_of(name)) for name in WRITTEN} == {
        name: value for name, (_, value) in WRITTEN.items()
    }


def test_in_development_nothing_need_be_given() -> None:
    assert Settings().environment is Environment.DEVELOPMENT


def test_production_starts_with_its_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with(monkeypatch, PRODUCTION).environment is Environment.PRODUCTION


@pytest.mark.parametrize("name", ["IRIS_JWT_SECRET", "IRIS_ENCRYPTION_KEYS", "IRIS_PAYLOAD_KEYS"])
def test_production_refuses_a_secret_that_is_not_given_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    given = {key: value for key, value in PRODUCTION.items() if key != name}
    with pytest.raises(ValidationError, match=name):
        settings_with(monkeypatch, given)


@pytest.mark.parametrize(
    ("name", "value"),
    [("IRIS_JWT_SECRET", DEVELOPMENT_SECRET), ("IRIS_ENCRYPTION_KEYS", DEVELOPMENT_ENCRYPTION_KEY)],
)
def test_production_refuses_a_development_secret_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(ValidationError, match=name):
        settings_with(monkeypatch, PRODUCTION | {name: value})


def test_production_names_at_once_all_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_with(monkeypatch, {"IRIS_ENVIRONMENT": "production"})
    assert all(name in str(refused.value) for name in PRODUCTION if name != "IRIS_ENVIRONMENT")


@pytest.mark.parametrize("environment", Environment)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IRIS_JWT_SECRET", ""),
        ("IRIS_JWT_SECRET", "s3cr3t-" * 4 + "s3c"),
        ("IRIS_ENCRYPTION_KEYS", ""),
        ("IRIS_ENCRYPTION_KEYS", "s3cr3t"),
        ("IRIS_ENCRYPTION_KEYS", f"{KEY},"),
        ("IRIS_ENCRYPTION_KEYS", f"{KEY},s3cr3t"),
        ("IRIS_PAYLOAD_KEYS", "s3cr3t"),
        ("IRIS_PAYLOAD_KEYS", f"{KEY},"),
        ("IRIS_PAYLOAD_KEYS", f"{KEY},s3cr3t"),
        ("IRIS_PAYLOAD_KEYS", KEY[:-4]),
        ("IRIS_PAYLOAD_KEYS", f"{KEY},clavé"),
    ],
)
def test_a_weak_secret_is_refused_by_name_everywhere_and_not_printed(
    monkeypatch: pytest.MonkeyPatch, environment: Environment, name: str, value: str
) -> None:
    with pytest.raises(ValidationError, match=name) as refused:
        settings_with(monkeypatch, PRODUCTION | {"IRIS_ENVIRONMENT": environment, name: value})
    assert "s3cr3t" not in str(refused.value)
    assert KEY not in str(refused.value)


def test_production_refuses_a_development_key_also_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = f"{KEY}, {DEVELOPMENT_ENCRYPTION_KEY}"
    with pytest.raises(ValidationError, match="IRIS_ENCRYPTION_KEYS"):
        settings_with(monkeypatch, PRODUCTION | {"IRIS_ENCRYPTION_KEYS": keys})


def test_the_vaults_keys_are_taken_newest_first_whatever_is_around_them(monkeypatch: pytest.MonkeyPatch) -> None:
    older = "b2xkZXItb2xkZXItb2xkZXItb2xkZXItb2xkZXItb28="
    found = settings_with(monkeypatch, PRODUCTION | {"IRIS_ENCRYPTION_KEYS": f" {KEY} ,\n{older}"})
    assert found.vault_keys() == [KEY, older]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IRIS_MAX_BODY_BYTES", "0"),
        ("IRIS_MAX_WEBHOOK_BYTES", "0"),
        ("IRIS_MAX_CACHED_WORKFLOWS", "1"),
        ("IRIS_METRICS_ADDRESS", "9464"),
        ("IRIS_ENVIRONMENT", "elsewhere"),
        ("IRIS_RECEIPT_WINDOW", "-1"),
        ("IRIS_ALLOWED_NETWORKS", "sandbox"),
        ("IRIS_ALLOWED_NETWORKS", "10.0.0.1/8"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        settings_with(monkeypatch, {name: value})


@pytest.mark.parametrize(("networks", "is_permitted"), [({}, False), ({"IRIS_ALLOWED_NETWORKS": "10.0.0.0/8"}, True)])
def test_production_connects_to_nothing_inside_that_is_not_allowed(
    monkeypatch: pytest.MonkeyPatch, networks: dict[str, str], *, is_permitted: bool
) -> None:
    guard = settings_with(monkeypatch, PRODUCTION | networks).address_guard()
    assert guard.permits(IPv4Address("10.1.2.3")) is is_permitted
    assert not guard.permits(IPv4Address("127.0.0.1"))


class TestSecretsAsFiles:
    """Secrets as files, as Docker and Kubernetes provide them."""

    @pytest.fixture
    def directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("IRIS_SECRETS_DIR", str(tmp_path))
        return tmp_path

    @pytest.mark.parametrize("spelt", [str.lower, str.upper])
    def test_every_secret_may_be_a_file_named_like_its_variable(
        self, directory: Path, spelt: Callable[[str], str]
    ) -> None:
        secrets = {name: value for name, (_, value) in WRITTEN.items() if isinstance(value, SecretStr)}
        for name, value in secrets.items():
            (directory / spelt(name)).write_text(f"{value.get_secret_value()}\n")
        found = Settings()
        assert {name: getattr(found, field_of(name)) for name in secrets} == secrets

    def test_the_environment_wins(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (directory / "iris_jwt_secret").write_text(SECRET)
        (directory / "iris_mongodb_database").write_text("other")
        monkeypatch.setenv("IRIS_JWT_SECRET", f"{SECRET} of the environment")
        found = Settings()
        assert found.jwt_secret.get_secret_value() == f"{SECRET} of the environment"
        assert found.mongodb_database == "other"

    def test_an_invalid_file_value_is_refused_by_name_and_not_printed(self, directory: Path) -> None:
        (directory / "iris_payload_keys").write_text("s3cr3t")
        with pytest.raises(ValidationError, match="IRIS_PAYLOAD_KEYS") as refused:
            Settings()
        assert "s3cr3t" not in str(refused.value)

    def test_those_of_the_gateway_the_demo_and_the_codec_may_be_files_too(self, directory: Path) -> None:
        for name, make in STACK_SECRETS.items():
            (directory / name.lower()).write_text(make())
        read = [settings() for settings in (GatewaySettings, DemoSettings, CodecSettings)]  # pyright: ignore[reportCallIssue] - from the files
        assert len(read) == 3


def test_no_secret_shows_in_print(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_with(monkeypatch, {name: text for name, (text, _) in WRITTEN.items()})
    for shown in (repr(found), str(found), found.model_dump_json()):
        assert "s3cr3t" not in shown
        assert KEY not in shown
