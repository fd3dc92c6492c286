"""Secrets and signatures are compared in constant time by `hmac.compare_digest`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SECRETIVE: Final = re.compile(
    r"secret|signature|signed|token|password|digest|hmac|hash|computed|expected|claimed|given|api_key"
)
SOURCES: Final = [
    path for folder in ("api", "providers", "security", "embedded/gateway") for path in (ROOT / folder).rglob("*.py")
]
NOT_SECRET: Final = {
    "claims.api_key != credentials.api_key",  # an account's public name, after its signature was found right
    "webhook.headers.get('content-type', '').partition(';')[0].strip().lower() == FORM",
}


def comparisons(source: str) -> Iterator[str]:
    """Ordinary comparisons of possible secrets, where neither side is a literal or a constant."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare) or not any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            continue
        sides = [node.left, *node.comparators]
        names = [ast.unparse(side) for side in sides]
        is_open = any(isinstance(side, ast.Constant | ast.Compare) for side in sides) or any(map(str.isupper, names))
        if not is_open and any(SECRETIVE.search(name.lower()) for name in names):
            yield ast.unparse(node)


def test_nothing_secret_is_compared_by_equality() -> None:
    found = {str(path.relative_to(ROOT)): set(comparisons(path.read_text())) - NOT_SECRET for path in SOURCES}
    assert {path: compared for path, compared in found.items() if compared} == {}


@pytest.mark.parametrize(
    "source", ["signature == theirs", "if x.secret.get() != given: pass", "claimed == sign(body, key)", "a == b.token"]
)
def test_it_is_seen_where_it_is(source: str) -> None:
    assert list(comparisons(source))
