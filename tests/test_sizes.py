"""Sizes of the product's files and functions, so that each can be read at once."""

import ast
from pathlib import Path
from typing import Final

from tests.test_imports import ALLOWED, LINTER, ROOT

MAX_FILE_LINES: Final = 400
MAX_FUNCTION_LINES: Final = 60

FILES: Final = [
    *(path for package in LINTER["root_packages"] for path in sorted((ROOT / package).rglob("*.py"))),
    *(ROOT / f"{module}.py" for module in ALLOWED),
]


def long_functions(path: Path) -> list[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, functions)]
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for node in nodes
        if (node.end_lineno or node.lineno) - node.lineno >= MAX_FUNCTION_LINES
    ]


def test_no_function_has_more_than_sixty_lines() -> None:
    assert [name for path in FILES for name in long_functions(path)] == []


def test_no_file_has_more_than_four_hundred_lines() -> None:
    assert [str(path) for path in FILES if path.read_text("utf-8").count("\n") > MAX_FILE_LINES] == []
