"""Writes docs/settings.md and .env.example from the settings' own descriptions: python -m scripts.settings_table."""

from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple, cast

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from embedded.demo import DemoSettings
from embedded.gateway.settings import GatewaySettings
from operations.mongodb_setup import MongodbSetupSettings
from settings import Settings
from temporal.codec_endpoint import CodecSettings

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "settings.md"
EXAMPLE: Final = ROOT / ".env.example"

GROUPS: Final[dict[str, type[BaseSettings]]] = {
    "API, worker and commands": Settings,
    "`iris codec`": CodecSettings,
    "`iris prepare-mongodb`": MongodbSetupSettings,
    "`iris seed`": DemoSettings,
    "`iris sandbox`": GatewaySettings,
}
"""What reads which settings."""

_HEAD: Final = """# Settings

Every setting is an environment variable, and is read once, when a process starts. A secret may be a file instead, named
like its variable, in `IRIS_SECRETS_DIR` (`/run/secrets` unless given). A duration is a number of seconds (`90`) or ISO
8601 (`PT1H`). `IRIS_LOG_LEVEL` (`INFO`), `IRIS_LOG_FORMAT` (`text` or `json`), `IRIS_LOG_REQUESTS` and `IRIS_LOG_SENDS`
(`false` switches their lines off) set what is logged. A process
that starts warns of `IRIS_…` variables that it does not know.

This page is generated from the settings themselves: `.venv/bin/python -m scripts.settings_table`.
"""


class Setting(NamedTuple):
    """One variable, its default (None if it must be given), and what it means."""

    variable: str
    default: str | None
    description: str


def settings_of(settings: type[BaseSettings]) -> Iterator[Setting]:
    """The settings of a class, in their order."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    for name, field in settings.model_fields.items():
        variable = str(field.validation_alias or f"{prefix}{name}".upper())
        yield Setting(variable, None if field.is_required() else _shown(field.default), field.description or "")


def _shown(default: object) -> str:
    match default:
        case SecretStr():
            text = default.get_secret_value()
            return text if "://" in text else ""  # an address, and no secret of development
        case timedelta():
            return f"{default.total_seconds():.3f}".rstrip("0").rstrip(".")
        case tuple():
            return ",".join(map(str, cast("tuple[object, ...]", default)))
        case None:
            return ""
        case Enum():
            return str(default.value)
        case _:
            return str(default)


def page() -> str:
    """The page of all settings."""
    parts = [_HEAD]
    for title, settings in GROUPS.items():
        parts += [f"\n## {title}\n", "| variable | default | meaning |", "|---|---|---|"]
        for setting in settings_of(settings):
            default = "required" if setting.default is None else f"`{setting.default}`" if setting.default else ""
            parts.append(f"| `{setting.variable}` | {default} | {setting.description.replace('|', '&#124;')} |")
    return "\n".join(parts) + "\n"


def example() -> str:
    """The settings of the API and the worker as a file of environment variables, all of them commented out."""
    parts = [
        "# All settings of the API and the worker with their defaults; docs/settings.md says what they mean.",
        "# The secrets of docker-compose are files: `python3 -m embedded.compose_secrets` makes them.",
        "",
    ]
    parts += [f"# {setting.variable}={setting.default or ''}" for setting in settings_of(Settings)]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write both files."""
    PAGE.write_text(page())
    EXAMPLE.write_text(example())


if __name__ == "__main__":
    main()
