"""Texts: complete in both languages, in agreement with their numbers, and without a library's own texts."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from domain.channels import Channel
from domain.deadlines import SENTENCES as WAITS
from domain.destinations import DestinationKind, InvalidDestinationError, normalise
from domain.explaining import CUSTOM_STATUSES, STATUSES
from domain.gate.decision import HoldReason
from domain.payloads import InvalidPayloadError, parse_payload
from domain.problems import Problem, problems_of_validation
from domain.texts import Forms, Language, say
from domain.texts.answers import ENGLISH
from domain.texts.notes import NOTES, REASONS
from domain.texts.problems import BARE_SENTENCES, SENTENCES
from providers import PROVIDERS

ROOT = Path(__file__).parents[2]
API, DOMAIN, WORKFLOWS = (ROOT / name for name in ("api", "domain", "workflows"))


@pytest.mark.parametrize(
    ("code", "details", "spanish", "english"),
    [
        ("too_many_destinations", {"limit": 1}, "como máximo 1 destino por", "at most 1 destination per"),
        ("too_many_destinations", {"limit": 2}, "como máximo 2 destinos por", "at most 2 destinations per"),
        ("too_many_attachments", {"limit": 0}, "no admite adjuntos", "takes no attachments"),
        ("too_many_attachments", {"limit": 1}, "como máximo 1 adjunto", "at most 1 attachment"),
        ("too_short", {"limit": 1}, "al menos 1 carácter", "at least 1 character"),
        ("too_long", {"limit": 20}, "como máximo 20 caracteres", "at most 20 characters"),
        ("unknown_field", {"allowed": ""}, "no se admite ninguno", "none is taken"),
        ("wrong_type", {"expected": "boolean"}, "Se esperaba true o false", "Expected true or false"),
        ("invalid", {}, "Valor no válido", "Invalid value"),
    ],
)
def test_a_sentence_agrees_with_its_number(
    code: str, details: dict[str, str | int], spanish: str, english: str
) -> None:
    problem = Problem(field="x", code=code, details=details)
    assert spanish in problem.message(Language.SPANISH)
    assert english in problem.message(Language.ENGLISH)
    assert "{" not in problem.message(Language.SPANISH) + problem.message(Language.ENGLISH)


WRONG_PAYLOADS: list[tuple[Channel, dict[str, Any]]] = [
    (Channel.WHATSAPP, {"Type": "media", "MediaType": "hologram", "Url": "ftp://x", "Caption": 5}),
    (Channel.WHATSAPP, {"Type": "template", "Name": "", "Language": "Spanish", "Parameters": "x"}),
    (Channel.EMAIL, {"Type": "email", "Body": "x", "Attachments": [{"FileName": "=?x", "Content": "%"}]}),
    (Channel.RCS, {"Type": "card-rcs", "Title": "x"}),
    (Channel.RCS, {"Type": "carousel-rcs", "Cards": [{"Title": "x", "Suggestions": [{"Title": "a", "Id": "1"}] * 5}]}),
    (Channel.MESSENGER, {"Type": "card", "Title": "x", "Buttons": [{"Title": "a", "Id": "1", "Url": "https://x.es"}]}),
]


def problems() -> Iterator[Problem]:
    for channel, payload in WRONG_PAYLOADS:
        with pytest.raises(InvalidPayloadError) as refused:
            parse_payload(channel, payload)
        yield from refused.value.problems
    for address in ("x", "@x.es", "a@b", "a@b@c.es", "a b@c.es", "a" * 999 + "@c.es"):
        with pytest.raises(InvalidDestinationError) as wrong:
            normalise(DestinationKind.EMAIL, address)
        yield Problem(field="x", code=wrong.value.code, details=dict(wrong.value.details))
    for provider in PROVIDERS.values():
        for settings in (provider.configuration_type, provider.credentials_type):
            yield from wrong_settings(settings)


def wrong_settings(settings: type[BaseModel]) -> Iterator[Problem]:
    names = {field.alias or name for name, field in settings.model_fields.items()}
    wrong: tuple[object, ...] = ("", "\x00", "ñ", -1, [], "https://u:p@x.es/?a=1")
    for value in wrong:
        try:
            settings.model_validate(dict.fromkeys(names, value))
        except ValidationError as error:
            yield from problems_of_validation(error.errors(), "configuration", settings)


def test_no_answer_mixes_languages_whatever_is_wrong() -> None:
    found = list(problems())
    assert len(found) > 100
    english, spanish = {"be", "should", "must", "input", "expected"}, {"debe", "como", "el", "la", "se", "un"}
    for problem in found:
        in_spanish, in_english = (set(problem.message(one).lower().split()) for one in Language)
        assert not in_spanish & english, problem
        assert not in_english & spanish, problem
        assert in_spanish != in_english, problem


@pytest.mark.parametrize("catalogue", [NOTES, REASONS, STATUSES, CUSTOM_STATUSES, WAITS])
def test_every_text_is_in_both_languages_with_the_same_details(catalogue: Mapping[str, Forms]) -> None:
    for forms in catalogue.values():
        assert forms.keys() == set(Language)
        spanish, english = (
            {name for _, name, _, _ in Formatter().parse(forms[language]) if name} for language in Language
        )
        assert spanish == english
        assert forms[Language.SPANISH] != forms[Language.ENGLISH]


def test_every_note_and_reason_that_the_code_names_has_a_text() -> None:
    named: set[str] = set()
    for path in [*WORKFLOWS.glob("*.py"), *DOMAIN.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Note":
                named |= {str(one.value.value) for one in node.keywords if isinstance(one.value, ast.Constant)}
    assert named | {f"held_{reason}" for reason in HoldReason} == NOTES.keys()


def test_the_bare_sentences_are_of_codes_that_exist() -> None:
    assert BARE_SENTENCES.keys() <= SENTENCES.keys()
    assert say(BARE_SENTENCES["invalid"], Language.ENGLISH, {}) == "Invalid value"


def said_by_routes() -> Iterator[str]:
    """Texts that routes give `success`, themselves or by a function or name of their module."""
    for path in API.rglob("*.py"):
        module = ast.parse(path.read_text())
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in {"success", "_answer", "_shown"}:
                    yield from (str(one.value) for one in node.args[1:] if isinstance(one, ast.Constant))
            elif isinstance(node, ast.AnnAssign) and "DETAIL" in ast.unparse(node.target) and node.value:
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
                yield from (str(one.value) for one in values if isinstance(one, ast.Constant))


def test_texts_of_routes_have_an_english_form() -> None:
    said = set(said_by_routes())
    assert len(said) > 50
    assert said <= ENGLISH.keys(), "give it an English form in domain/texts/answers.py"
