"""Settings from environment variables, or from secret files of the same names, and the types of their values."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SecretsSettingsSource
from typing_extensions import override

SECRETS_DIRECTORY: Final = "/run/secrets"
"""Directory of secret files in Docker and Kubernetes."""


def _seconds(value: object) -> object:
    """Accept seconds as text, as in environment variables, where pydantic only accepts ISO 8601."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


Duration = Annotated[timedelta, BeforeValidator(_seconds), Field(ge=timedelta())]
"""A duration; in the environment, seconds (`90`, `0.5`) or ISO 8601 (`PT1H`)."""


def _names(value: object) -> object:
    """Split names at commas, as in environment variables."""
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(",") if name.strip())


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
"""Names; in the environment separated by commas."""


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
