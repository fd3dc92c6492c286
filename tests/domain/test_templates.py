"""Templates: filled with the declared variables of the declared types, and with nothing else."""

import html
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.channels import Channel
from domain.templates import MAX_RENDERED_LENGTH, MAX_VALUE_LENGTH, RenderingError, Variable, check_template, render
from domain.texts import Language

NAME = Variable(name="name", example="Ana")
NOTE = Variable(name="note", required=False, example="!")
DAY = Variable.model_validate({"name": "day", "type": "date", "example": "2026-12-01"})
PRICE = Variable.model_validate({"name": "price", "type": "number", "example": 9.5})
LINK = Variable.model_validate({"name": "link", "type": "url", "example": "https://iris.example/a"})

TEXT: dict[str, JsonValue] = {"Type": "simple-text", "Text": "{{name}}, {{ day }}: {{price}} € {{link}}{{note}}"}
ALL = [NAME, NOTE, DAY, PRICE, LINK]
VALUES: dict[str, JsonValue] = {
    "name": "Ana",
    "day": "2026-12-01",
    "price": 12,
    "link": "https://iris.example/x?a=1&b=2",
}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)


def filled(text: str, value: str, **others: JsonValue) -> str:
    payload = {"Type": "email", "Subject": "{{name}}", "Body": text, **others}
    rendered = render(Channel.EMAIL, payload, [NAME], {"name": value}, "variables")
    assert rendered["Subject"] == value
    body = rendered["Body"]
    assert isinstance(body, str)
    return body


def problems(values: dict[str, JsonValue], variables: Sequence[Variable] = ALL) -> list[tuple[str, str]]:
    with pytest.raises(RenderingError) as refused:
        render(Channel.SMS, TEXT, variables, values, "template.variables")
    for problem in refused.value.problems:
        assert problem.message(Language.ENGLISH)
    return [(problem.field, problem.code) for problem in refused.value.problems]


def faults(
    payload: dict[str, Any], variables: Sequence[Variable] = ALL, channel: Channel = Channel.SMS
) -> list[tuple[str, str]]:
    with pytest.raises(RenderingError) as refused:
        check_template(channel, payload, variables)
    for problem in refused.value.problems:
        assert problem.message()
    return [(problem.field, problem.code) for problem in refused.value.problems]


def test_each_placeholder_becomes_its_variable_wherever_it_stands_in_a_text() -> None:
    assert render(Channel.SMS, TEXT, ALL, VALUES, "variables") == {
        "Type": "simple-text",
        "Text": "Ana, 2026-12-01: 12 € https://iris.example/x?a=1&b=2",
    }
    nested: dict[str, JsonValue] = {"Buttons": [{"Title": "{{name}}"}], "Number": 3, "Flag": True, "Nothing": None}
    assert render(Channel.WHATSAPP, nested, [NAME], {"name": "Ana"}, "")["Buttons"] == [{"Title": "Ana"}]
    assert render(Channel.WHATSAPP, nested, [NAME], {"name": "Ana"}, "")["Number"] == 3


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("name", None, "missing"),
        ("name", 3, "wrong_type"),
        ("name", "x" * (MAX_VALUE_LENGTH + 1), "too_long"),
        ("day", "1/12/2026", "wrong_type"),
        ("day", "2026-02-30", "wrong_type"),
        ("price", "doce", "wrong_type"),
        ("price", True, "wrong_type"),
        ("link", "javascript:alert(1)", "wrong_type"),
        ("link", 'https://x.es/" onclick="x', "wrong_type"),
        ("other", "x", "unknown_field"),
    ],
)
def test_a_problem_names_the_variable(name: str, value: JsonValue, code: str) -> None:
    assert problems({**VALUES, name: value}) == [(f"template.variables.{name}", code)]


def test_all_problems_are_reported_at_once() -> None:
    assert problems({"x": 1}) == [
        *((f"template.variables.{name}", "missing") for name in ("name", "day", "price", "link")),
        ("template.variables.x", "unknown_field"),
    ]


@given(texts)
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    assert filled("a{{name}}b", value) == f"a{value}b"


@given(texts)
def test_in_html_a_value_cannot_become_markup(value: str) -> None:
    for said in ({"IsHtml": True}, {"isHTML": True}):
        body = filled("<p title='{{name}}'>{{name}}</p>", value, **said)
        inner = re.fullmatch(r"<p title='(.*)'>(.*)</p>", body, re.DOTALL)
        assert inner is not None
        for part in inner.groups():
            assert html.unescape(part) == html.unescape(html.escape(value))
            assert not set("<>\"'") & set(part)


@given(texts)
def test_any_text_is_refused_or_comes_out_as_it_went_in(text: str) -> None:
    escaped = text.replace("{{", "{{{{")
    payload: dict[str, JsonValue] = {"Type": "simple-text", "Text": f"a{escaped}"}
    assert render(Channel.SMS, payload, [], {}, "")["Text"] == f"a{text}"


@pytest.mark.parametrize(
    "text",
    ["{{", "{{}}", "{{name", "{{na me}}", "{{{name}}}", "{{#name}}x{{/name}}", "{{name.upper}}", "{{>f}}", "{{1+1}}"],
)
def test_an_invalid_placeholder_is_refused_at_its_location(text: str) -> None:
    assert faults({"Type": "simple-text", "Text": text}) == [("payload.Text", "bad_placeholder")]


def test_undeclared_misplaced_and_duplicate_variables_are_refused() -> None:
    assert faults({"Type": "simple-text", "Text": "{{nombre}}"}) == [("payload.Text", "undeclared_variable")]
    assert faults({"Type": "{{name}}", "Text": "a"}) == [("payload.Type", "bad_placeholder")]
    assert faults(TEXT, [*ALL, NAME]) == [("variables[5].name", "duplicate_field")]
    wrong = Variable.model_validate({"name": "day", "type": "date", "example": "mañana"})
    assert faults(TEXT, [NAME, NOTE, wrong, PRICE, LINK]) == [("variables[2].example", "wrong_type")]


def test_a_template_whose_examples_render_no_payload_of_its_channel_is_refused() -> None:
    assert faults({"Type": "simple-text", "Text": ""}) == [("payload.Text", "empty")]
    assert faults({"Type": "email", "Body": "x"}) == [("payload.Type", "not_allowed")]
    newline = Variable(name="name", example="a\r\nBcc: eva@x.es")
    assert faults({"Type": "email", "Subject": "{{name}}", "Body": "x"}, [newline], Channel.EMAIL) == [
        ("payload.Subject", "bad_pattern")
    ]


def test_an_expanding_template_is_refused_before_it_is_large() -> None:
    assert faults({"Type": "simple-text", "Text": "{{name}}" * 501}) == [("payload", "too_many")]
    payload: dict[str, JsonValue] = {
        "Type": "simple-text",
        "Text": "{{name}}" * (MAX_RENDERED_LENGTH // MAX_VALUE_LENGTH + 1),
    }
    with pytest.raises(RenderingError) as refused:
        render(Channel.SMS, payload, [NAME], {"name": "x" * MAX_VALUE_LENGTH}, "variables")
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [("variables", "too_long")]
