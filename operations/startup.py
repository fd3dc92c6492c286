"""Startup of a process: it checks the servers that it needs, and reports a problem in one line."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterable
from types import FrameType
from typing import Final, NoReturn

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError
from pymongo.errors import PyMongoError
from temporalio.service import RPCError

from bootstrap import connect_temporal, mongodb_client
from embedded.demo import DemoSettings
from embedded.gateway.settings import GatewaySettings
from models import DOCUMENTS
from models.indexes import build_indexes
from queries.server import require_replica_set
from settings import Settings
from support.environment import EnvironmentSettings
from temporal.codec_endpoint import CodecSettings

TEMPORAL_TIMEOUT_SECONDS: Final = 5.0
"""Timeout for Temporal's answer while a process starts."""

MAX_PROBLEM_LENGTH: Final = 500
"""Maximum characters of a startup problem."""


OTHER_VARIABLES: Final = frozenset(
    f"IRIS_{name}"
    for name in (
        *(
            "LOG_LEVEL",
            "LOG_FORMAT",
            "LOG_REQUESTS",
            "LOG_SENDS",
            "SECRETS_DIR",
            "MONGOD",
            "TEMPORAL_CLI",
            "DATA_DIR",
            "API_URL",
            "API_KEY",
        ),
        *("API_HOST", "API_PORT", "CODEC_HOST", "CODEC_PORT", "SANDBOX_HOST", "SANDBOX_PORT"),
        *("MONGODB_PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT"),
    )
)
"""Variables that are not settings: read by commands, logging or the embedded stack."""

_LOG = logging.getLogger("iris.settings")


class TemporalUnreachableError(Exception):
    """Temporal does not answer."""


async def prepare_servers(settings: Settings) -> None:
    """Check concurrently that MongoDB and Temporal are usable, and build the indexes of MongoDB that are missing.

    Building an index may take hours: here a signal ends the process, while uvicorn waits until its application has
    started.

    Raises:
        PyMongoError: if MongoDB is not usable, or an index cannot be built.
        TemporalUnreachableError: if Temporal is not.
    """
    async with mongodb_client(settings) as client:
        checks = (require_replica_set(client, settings.mongodb_uri.get_secret_value()), _check_temporal(settings))
        for result in await asyncio.gather(*checks, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        await build_indexes(client[settings.mongodb_database], DOCUMENTS)


async def _check_temporal(settings: Settings) -> None:
    try:
        await asyncio.wait_for(connect_temporal(settings), TEMPORAL_TIMEOUT_SECONDS)
    except (RuntimeError, TimeoutError) as error:
        problem = str(error) or "no answer in time"
        raise TemporalUnreachableError(f"{settings.temporal_address} does not answer: {problem}") from error


def end_on_sigterm() -> None:
    """Let SIGTERM end this process at once while it starts, also as the first process of a container."""
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    sys.stderr.flush()
    os._exit(128 + number)


def problem_in_one_line(error: BaseException) -> str | None:
    """The problem of servers or settings that prevents a process from working; None for any other error."""
    match error:
        case ValidationError() if error.title in _settings_names():
            problem = "; ".join(_setting_problems(error))
        case SettingsError():
            problem = f"the settings cannot be read: {error}"
        case PyMongoError():
            problem = f"MongoDB: {error}"
        case TemporalUnreachableError():
            problem = f"Temporal at {error}"
        case RPCError():
            problem = f"Temporal: {error.message}"
        case BaseExceptionGroup():
            inner: BaseException = error.exceptions[0]
            return problem_in_one_line(inner)
        case _:
            return None
    return " ".join(problem.split())[:MAX_PROBLEM_LENGTH]


def _settings_names() -> set[str]:
    return {settings.__name__ for settings in EnvironmentSettings.__subclasses__()}


def _setting_problems(error: ValidationError) -> list[str]:
    """Each invalid setting, by its environment variable."""
    problems: list[str] = []
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        message = one["msg"].removeprefix("Value error, ")
        name = str(one["loc"][0]) if one["loc"] else ""
        variable = name if not name or name.isupper() else f"IRIS_{name.upper()}"
        problems.append(f"{variable}: {message}" if variable else message)
    return problems


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """`IRIS_` variables of an environment that no setting and no command reads: most likely misspelt."""
    known = {variable for settings in _all_settings() for variable in variables_of(settings)} | OTHER_VARIABLES
    return sorted(name for name in environment if name.startswith("IRIS_") and name.upper() not in known)


def warn_of_unknown_variables() -> None:
    """Log a warning for each environment variable that looks like a setting and is none."""
    for name in unknown_variables(os.environ):
        _LOG.warning("%s is no setting of this version and is ignored (docs/settings.md)", name)


def variables_of(settings: type[BaseSettings]) -> set[str]:
    """The names of the environment variables that a class of settings reads."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    fields = settings.model_fields.items()
    return {str(field.validation_alias or f"{prefix}{name}".upper()) for name, field in fields}


def _all_settings() -> list[type[BaseSettings]]:
    return [Settings, CodecSettings, DemoSettings, GatewaySettings]
