"""Problems: each has a text in each language, and every use gives the parameters of its text."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from domain.problems import Problem
from domain.texts import Language, reason
from domain.texts.problems import SENTENCES

ROOT = Path(__file__).parents[2]
PACKAGES = ("activities", "api", "domain", "workflows")


def details_of(code: str, language: Language) -> set[str]:
    """Parameters of a text."""
    return {name for _, name, _, _ in Formatter().parse(SENTENCES[code][language]) if name is not None}


def problems_named_in_the_code() -> Iterator[tuple[str, str, set[str] | None]]:
    """Location, code and details of each problem that the code creates; None for details that are not literal."""
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        text = path.read_text()
        if "Problem(" not in text:  # parsing everything is slow
            continue
        for call in ast.walk(ast.parse(text)):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Problem"):
                continue
            arguments = {keyword.arg: keyword.value for keyword in call.keywords}
            code, details = arguments.get("code"), arguments.get("details")
            if isinstance(code, ast.Constant):
                yield f"{path.relative_to(ROOT)}:{call.lineno}", str(code.value), _keys(details)


def _keys(details: ast.expr | None) -> set[str] | None:
    if details is None:
        return set()
    if not isinstance(details, ast.Dict):
        return None
    return {str(key.value) for key in details.keys if isinstance(key, ast.Constant)}


def test_every_problem_has_a_sentence_in_every_language() -> None:
    for code, sentences in SENTENCES.items():
        assert set(sentences) == set(Language), code
        assert all(sentences.values()), code
        assert details_of(code, Language.SPANISH) - {"es"} == details_of(code, Language.ENGLISH) - {"en"}, code


def test_every_problem_in_the_code_can_be_rendered() -> None:
    named = list(problems_named_in_the_code())
    assert named
    for place, code, details in named:
        assert code in SENTENCES, place
        assert details is None or details == details_of(code, Language.SPANISH), place


@pytest.mark.parametrize("language", Language)
def test_a_problem_states_what_is_valid(language: Language) -> None:
    problem = Problem(field="payLoad.Text", code="too_long", details={"limit": 1600})
    assert "1600" in problem.message(language)


def test_a_problem_is_in_spanish_by_default() -> None:
    problem = Problem(field="processId", code="process_closed")
    assert problem.message() == "El proceso está cerrado"
    assert problem.message(Language.ENGLISH) == "The process is closed"


def test_braces_in_a_detail_are_only_text() -> None:
    problem = Problem(field="", code="invalid_json", details=reason("{limit} } {", ""))
    assert "{limit} } {" in problem.message()
