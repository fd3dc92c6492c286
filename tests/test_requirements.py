"""The locked requirements agree with pyproject.toml, every package with its hash; checked offline."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[1]
EXTRAS_OF_LOCKS: Final[Mapping[str, tuple[str, ...]]] = {
    "runtime": (),
    "embedded": ("embedded",),
    "development": ("embedded", "development"),
}
PIN: Final = re.compile(r"^([\w.-]+)==([^ ;]+).*?((?:\\\n +--hash=sha256:[0-9a-f]{64} ?)*)$", re.MULTILINE)

each_lock = pytest.mark.parametrize("lock", EXTRAS_OF_LOCKS)


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text()


def pins_of(lock: str) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version, _ in PIN.findall(text_of(lock))}


def requirements_of(lock: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for extra in EXTRAS_OF_LOCKS[lock] for line in project["optional-dependencies"][extra]]
    return [Requirement(line) for line in (*project["dependencies"], *extras)]


@each_lock
def test_a_lock_has_every_requirement_in_a_version_that_fits(lock: str) -> None:
    pins = pins_of(lock)
    unmet = [
        str(requirement)
        for requirement in requirements_of(lock)
        if pins.get(canonicalize_name(requirement.name), "nothing") not in requirement.specifier
    ]
    assert not unmet, "run `make lock`"


@each_lock
def test_a_lock_has_a_hash_of_every_package_and_no_place_to_get_it_from(lock: str) -> None:
    text = text_of(lock)
    assert [name for name, _, hashes in PIN.findall(text) if not hashes] == []
    assert len(PIN.findall(text)) == len(re.findall(r"^\S+==", text, re.MULTILINE)), "the pattern above misses some"
    assert "://" not in text


@each_lock
def test_a_lock_agrees_with_the_one_that_the_tests_run_on(lock: str) -> None:
    assert pins_of(lock).items() <= pins_of("development").items()
