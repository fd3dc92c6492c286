"""Provider names occur only in the providers' own folders and registry; other code uses `PROVIDERS`."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from providers import PROVIDERS

ROOT: Final = Path(__file__).parents[1]
AT_HOME: Final = ("providers", "tests")

OURS: Final = frozenset({"sandbox"})
"""The embedded stack's gateway, which the embedded stack names."""

SOURCES: Final = re.compile(r"https?://[^\s)]+|\([^()«»]*«[^«»]*»[^()]*\)")
"""References to external facts, permitted everywhere: an address, or a title in brackets."""


def modules() -> Iterator[Path]:
    """Python files of the repository outside the providers."""
    git = shutil.which("git")
    assert git is not None
    listed = subprocess.run(  # noqa: S603 - nothing in it comes from anywhere else
        [git, "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return (ROOT / path for path in listed if path.partition("/")[0] not in AT_HOME and (ROOT / path).exists())


def mentions(name: str, text: str) -> list[str]:
    """Lines that name a provider: as a word or at the beginning of one, so that `metadata` does not match Meta."""
    capitals = name.upper()
    # `<meta` is an element of HTML.
    alone = rf"(?<![A-Za-z<])(?:(?i:{name})(?<!{capitals})(?![a-z])|{capitals}(?![A-Za-z]))"
    named = re.compile(rf"{alone}|{name.title()}(?![a-z])")
    return [line.strip() for line in text.splitlines() if named.search(SOURCES.sub("", line))]


@pytest.mark.parametrize("name", sorted(PROVIDERS.keys() - OURS))
def test_no_provider_is_named_outside_the_providers(name: str) -> None:
    found = {str(path.relative_to(ROOT)): lines for path in modules() if (lines := mentions(name, path.read_text()))}
    assert found == {}


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_the_registry_names_a_provider_where_it_is_imported_and_where_it_is_listed(name: str) -> None:
    registry = (ROOT / "providers" / "__init__.py").read_text()
    assert len(mentions(name, registry)) == 2


def test_detection_of_provider_names() -> None:
    named = ["import twilio", "TwilioClient()", '"TWILIO"', "twilio_sid = 1", "aTwilio", "x.twilio.y"]
    unnamed = ["metadata", "https://twilio.com/docs", "(Twilio, «Messages», 2026)", "untwiliolike"]
    assert mentions("meta", "_METADATA = 1") == []
    assert [line for line in named if not mentions("twilio", line)] == []
    assert [line for line in unnamed if mentions("twilio", line) or mentions("meta", line)] == []
