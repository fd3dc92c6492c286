"""Import contracts: each fails on a violation, and the modules beside the packages import only what they may."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[1]
LINTER: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]

VIOLATIONS: Final = {
    "Who may import whom": ("domain", "import security.signed_urls"),
    "The domain is pure": ("domain", "import beanie"),
    "Workflows and what they may ask reach no driver, no model and no provider, not even indirectly": (
        "workflows",
        "import domain.local_time",
    ),
    "Activities know who stores, sends and asks Temporal, and none of those who call": ("activities", "import api.app"),
    "Nothing but the worker imports an activity's implementation": ("temporal", "import activities.dispatch"),
    "Providers know no storage, no workflow engine and no web framework": ("providers", "import temporalio.client"),
    "Providers do not know each other": ("providers/twilio", "import providers.vonage"),
    "What the processes assemble does not know them: it is given its settings and its clients": (
        "security",
        "import settings",
    ),
    "Only the command starts a worker": ("api", "import worker"),
}
"""A violation of each contract: the folder of a module, and its import."""

ALLOWED: Final = {
    "settings": {"domain", "security", "support"},
    "bootstrap": {"models", "providers", "queries", "security", "settings", "workflows"},
    "worker": {
        *("activities", "bootstrap", "domain", "integrations", "providers", "queries", "security", "settings"),
        *("support", "temporal", "wire", "workflows"),
    },
}
"""What the modules beside the packages import of Iris; import-linter checks packages only."""


def imported_by(path: Path) -> set[str]:
    """The packages and modules that a file imports, by their first names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_each_contract_fails_on_a_violation(tmp_path: Path) -> None:
    """One run over a copy of the tree with all violations."""
    for package in LINTER["root_packages"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", *(f"{module}.py" for module in ALLOWED)):
        shutil.copy(ROOT / name, tmp_path)
    for number, (folder, line) in enumerate(VIOLATIONS.values()):
        (tmp_path / folder / f"violation_{number}.py").write_text(line, "utf-8")
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    linted = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    lines = " ".join(linted.stdout.split())
    assert {contract["name"] for contract in LINTER["contracts"]} == set(VIOLATIONS)
    assert {name: f"{name} BROKEN" in lines for name in VIOLATIONS} == dict.fromkeys(VIOLATIONS, True), lines


@pytest.mark.parametrize("module", ALLOWED)
def test_a_module_beside_the_packages_imports_only_what_it_may(module: str) -> None:
    ours = {*LINTER["root_packages"], *ALLOWED}
    assert imported_by(ROOT / f"{module}.py") & ours == ALLOWED[module]


def test_every_package_and_every_module_beside_them_is_covered() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {name.removesuffix(".py") for name in wheel["only-include"]} == {*LINTER["root_packages"], *ALLOWED}
