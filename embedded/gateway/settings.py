"""Settings of the sandbox gateway, each an environment variable `IRIS_SANDBOX_…`."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from support.environment import Duration, EnvironmentSettings

Secret = Annotated[SecretStr, Field(min_length=1)]


class Account(BaseModel):
    """An account of the gateway.

    Attributes:
        token: bearer token of its requests.
        signing_secret: signs its callbacks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Secret
    signing_secret: Secret


class GatewaySettings(EnvironmentSettings):
    """Behaviour of the gateway; in the environment, durations are seconds or ISO 8601 and accounts are JSON."""

    model_config = SettingsConfigDict(env_prefix="IRIS_SANDBOX_", frozen=True, hide_input_in_errors=True)

    accounts: tuple[Account, ...] = Field(
        default=(), min_length=1, description="Permitted senders, as JSON; at least one."
    )
    ledger: str = Field(default=":memory:", description="Path of the SQLite file; `:memory:` keeps nothing.")
    callback_delay: Duration = Field(
        default=timedelta(milliseconds=200),
        description="Time from accepting a message to its first callback, and between callbacks.",
    )
    slow_response_delay: Duration = Field(default=timedelta(seconds=3), description="Delay of a slow response.")
    early_callback_wait: Duration = Field(
        default=timedelta(seconds=5), description="Time that a response waits for the callback that should overtake it."
    )
    callback_timeout: Duration = Field(default=timedelta(seconds=10), description="Timeout of one callback.")
    first_retry_delay: Duration = Field(
        default=timedelta(milliseconds=500),
        description="Delay after a callback's first failure; it doubles up to `IRIS_SANDBOX_MAX_RETRY_DELAY`.",
    )
    max_retry_delay: Duration = Field(
        default=timedelta(minutes=1), description="Maximum delay between two attempts of a callback."
    )
    max_callback_age: Duration = Field(
        default=timedelta(days=1), description="Maximum age of a callback, after which it is abandoned."
    )
    max_callback_refusals: int = Field(
        default=3, ge=1, description="Maximum attempts of a callback that is refused (3xx, and 4xx but 408 and 429)."
    )
    max_body_bytes: int = Field(default=1_048_576, gt=0, description="Maximum bytes of a request body.")

    @cached_property
    def signing_secrets(self) -> Mapping[str, bytes]:
        """The signing secrets by account name."""
        return {
            account_name(account.token.get_secret_value()): account.signing_secret.get_secret_value().encode()
            for account in self.accounts
        }


def account_name(token: str) -> str:
    """Name of a token's account in the ledger, which does not reveal the token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()[:16]
