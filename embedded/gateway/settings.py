"""Settings of the sandbox gateway, each an environment variable `IRIS_SANDBOX_…`."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from settings import Duration, EnvironmentSettings

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
    """Behaviour of the gateway; in the environment, durations are seconds or ISO 8601 and accounts are JSON.

    Attributes:
        accounts: permitted senders; at least one.
        ledger: path of the SQLite file; `:memory:` keeps nothing.
        callback_delay: from accepting a message to its first callback, and between callbacks.
        slow_answer: delay of a slow response.
        early_callback_wait: how long a response waits for the callback that should overtake it.
        callback_timeout: timeout of one callback.
        longest_retry: maximum delay between two attempts.
        first_retry: delay after a callback's first failure; it doubles up to `longest_retry`.
        longest_callback_age: maximum age of a callback, after which it is abandoned.
        callback_refusals: maximum attempts of a callback that is refused (3xx and 4xx but 408 and 429).
        max_body_bytes: maximum bytes of a request's body.
    """

    model_config = SettingsConfigDict(env_prefix="IRIS_SANDBOX_", frozen=True, hide_input_in_errors=True)

    accounts: tuple[Account, ...] = Field(default=(), min_length=1)
    ledger: str = ":memory:"
    callback_delay: Duration = timedelta(milliseconds=200)
    slow_answer: Duration = timedelta(seconds=3)
    early_callback_wait: Duration = timedelta(seconds=5)
    callback_timeout: Duration = timedelta(seconds=10)
    first_retry: Duration = timedelta(milliseconds=500)
    longest_retry: Duration = timedelta(minutes=1)
    longest_callback_age: Duration = timedelta(days=1)
    callback_refusals: int = Field(default=3, ge=1)
    max_body_bytes: int = Field(default=1_048_576, gt=0)

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
