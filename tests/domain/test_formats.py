"""Template filters: their output in each language, the values that they refuse, and a parser that no text breaks."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter, ValidationError

from domain.channels import Channel
from domain.formats import LanguageTag, Placeholder, Style, TimeZoneName, UnreadableError
from domain.segments import segments
from domain.templates import RenderingError, Variable, check_template, render

SPANISH, ENGLISH = Style("es", "Europe/Madrid"), Style("en", "America/New_York")


def variable(kind: str, example: str | float) -> Variable:
    return Variable.model_validate({"name": "v", "type": kind, "example": example})


def faults(text: str, kind: str, example: str | float) -> list[tuple[str, str]]:
    with pytest.raises(RenderingError) as refused:
        check_template(Channel.SMS, {"Type": "simple-text", "Text": text}, [variable(kind, example)])
    return [(problem.field, problem.code) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("how", "value", "spanish", "english"),
    [
        ("v", "2026-12-24", "2026-12-24", "2026-12-24"),
        ("v|date", "2026-12-24", "24 dic 2026", "Dec 24, 2026"),
        ("v|date:short", "2026-12-24", "24/12/26", "12/24/26"),
        ("v | date:long", "2026-12-24", "24 de diciembre de 2026", "December 24, 2026"),
        ("v|date:full", "2026-12-24", "jueves, 24 de diciembre de 2026", "Thursday, December 24, 2026"),
        ("v|date", "2026-12-24T23:30:00Z", "25 dic 2026", "Dec 24, 2026"),
        ("v|time", "2026-12-24T15:30:00Z", "16:30", "10:30 AM"),
        ("v|time", "2026-07-24T15:30:00Z", "17:30", "11:30 AM"),
        ("v|time", "2026-12-24T16:30", "16:30", "4:30 PM"),
        ("v|time", "2026-12-24T16:30:00+01:00", "16:30", "10:30 AM"),
        ("v|time", "09:05", "9:05", "9:05 AM"),
        ("v|number", 12345.678, "12.345,678", "12,345.678"),
        ("v|number", "0,1234567", "0,1234567", "0.1234567"),
        ("v|number", -3, "-3", "-3"),
        ("v|currency:EUR", "12345.6", "12.345,60 €", "€12,345.60"),
        ("v|currency:JPY", 1500, "1.500 JPY", "¥1,500"),
        ("v|date", None, "", ""),
    ],
)
def test_a_value_is_written_in_the_templates_language_and_time_zone(
    how: str, value: JsonValue, spanish: str, english: str
) -> None:
    written = [Placeholder.parse(how).write(value, style) for style in (SPANISH, ENGLISH)]
    assert written == [spanish, english]


@pytest.mark.parametrize(
    ("how", "value"),
    [
        ("date", "24/12/2026"),
        ("date", "2026-02-30"),
        ("date", "2026-W52-4"),
        ("date", "9999-12-31T23:59:00-23:59"),
        ("date", ""),
        ("date", 20261224),
        ("time", "2026-12-24"),
        ("time", "25:00"),
        ("time", "2026-12-24T16:30+99:00"),
        ("number", "doce"),
        ("number", "1.234,50"),
        ("number", True),
        ("number", 1e300),
        ("currency:EUR", "NaN"),
    ],
)
def test_a_value_that_a_filter_cannot_read_is_refused_by_the_variables_name(how: str, value: JsonValue) -> None:
    with pytest.raises(UnreadableError):
        Placeholder.parse(f"v|{how}").write(value, SPANISH)
    text: dict[str, JsonValue] = {"Text": f"{{{{v|{how}}}}} {{{{w}}}}"}
    both = [variable("text", "x"), Variable(name="w", example="x")]
    with pytest.raises(RenderingError) as refused:
        render(Channel.SMS, text, both, {"v": str(value), "w": "x"}, "template.variables")
    assert [(one.field, one.code) for one in refused.value.problems] == [("template.variables.v", "wrong_type")]


@pytest.mark.parametrize(
    "unknown",
    ["fecha", "date:huge", "time:long", "number:2", "currency", "currency:EURO", "currency:eur", "currency:XXQ"],
)
def test_an_unknown_filter_is_refused_when_the_template_is_saved(unknown: str) -> None:
    assert faults(f"{{{{v|{unknown}}}}}", "date", "2026-12-24") == [("payload.Text", "not_allowed")]


@pytest.mark.parametrize(
    "text", ["{{v|}}", "{{|date}}", "{{v|date:}}", "{{v|date|time}}", "{{v|date:a b}}", "{{v||date}}"]
)
def test_an_invalid_filter_is_a_bad_placeholder(text: str) -> None:
    assert faults(text, "date", "2026-12-24") == [("payload.Text", "bad_placeholder")]


def test_an_example_that_the_filter_cannot_read_refuses_the_template() -> None:
    assert faults("{{v|time}}", "date", "2026-12-24") == [("variables.v", "wrong_type")]
    assert faults("{{v|number}} {{v|date}}", "url", "https://iris.example") == [("variables.v", "wrong_type")] * 2


def test_an_instant_is_a_type_of_its_own() -> None:
    assert faults("{{v|time}}", "datetime", "2026-12-24") == [("variables[0].example", "wrong_type")]
    example = variable("datetime", "2026-12-24T16:30:00+01:00")
    check_template(Channel.SMS, {"Type": "simple-text", "Text": "{{v|date:long}}, {{v|time}}"}, [example])


def test_formatted_values_do_not_change_the_alphabet_of_an_sms() -> None:
    text = {"Text": "{{v|currency:EUR}}"}
    for language in ("es", "en", "fr", "de", "pt-BR", "it"):
        values = {"v": "1234567.5"}
        rendered = render(Channel.SMS, text, [variable("number", 1)], values, "", style=Style(language))["Text"]
        assert segments(str(rendered)).encoding == "GSM-7", language


@pytest.mark.parametrize("wrong", ["xx", "../es", "es_ES", "español", "", "es-ES-x-y-z"])
def test_an_unknown_language_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(LanguageTag).validate_python(wrong)


@pytest.mark.parametrize("wrong", ["Europe", "Europe/Madrit", "../etc/passwd", "/etc/passwd", "UTC+99/", ""])
def test_an_unknown_time_zone_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(TimeZoneName).validate_python(wrong)


pieces = st.sampled_from(["{{", "}}", "{", "|", ":", " ", "v", "date", "long", "currency", "EUR", "é", "\n", "w"])


def refusals(text: str) -> set[str]:
    """Codes of the problems of a template with this text; empty if it is valid."""
    try:
        check_template(Channel.SMS, {"Type": "simple-text", "Text": text}, [variable("text", "2026-12-24")])
    except RenderingError as error:
        return {problem.code for problem in error.problems}
    return set()


@given(st.lists(pieces, max_size=14).map("".join))
def test_any_text_is_refused_or_filled_without_a_placeholder_left(text: str) -> None:
    codes = refusals(f"x{text}")
    assert codes <= {"bad_placeholder", "not_allowed", "undeclared_variable", "wrong_type"}
    if not codes:
        values: dict[str, JsonValue] = {"v": "2026-12-24"}
        rendered = str(render(Channel.SMS, {"Text": text}, [variable("text", "x")], values, "")["Text"])
        assert rendered.count("{{") <= text.count("{{{{")


@given(st.sampled_from(["date", "time", "number", "currency:EUR"]), st.text(max_size=30))
def test_any_text_is_written_as_a_filter_says_or_refused_by_it(how: str, value: str) -> None:
    with suppress(UnreadableError):
        written = Placeholder.parse(f"v|{how}").write(value, SPANISH)
        assert any(character.isdigit() for character in written)
