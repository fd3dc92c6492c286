"""Payloads: names in any letter case, all problems reported at once, and a stable JSON summary."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.channels import Channel
from domain.payloads import PAYLOADS, InvalidPayloadError, Payload, parse_payload, summary_of
from domain.payloads.base import summary_text
from domain.payloads.email import Email
from domain.payloads.texts import RcsText, SimpleText
from domain.problems import Problem

NOTHING_SAID = '{"subject":"","body":"","generic":null}'

channels = st.sampled_from(Channel)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["Type", "TYPE", "text", "Text", "Subject", "BODY", "IsHtml", "cc", "Bcc", "ReplyTo", "", "K"])
types = st.sampled_from(["simple-text", "text-message-rcs", "email", "unknown"])
objects = st.dictionaries(names | st.text(), json_values | types | st.text(), max_size=8)


def anyhow(name: str) -> st.SearchStrategy[str]:
    """Name in any mixture of upper and lower case."""
    spellings: list[Callable[[str], str]] = [str.upper, str.lower]
    return st.tuples(*[st.sampled_from(spellings) for _ in name]).map(
        lambda each: "".join(change(letter) for change, letter in zip(each, name, strict=True))
    )


def problems_of(channel: Channel, raw: dict[str, Any]) -> list[tuple[str, str]]:
    """Problems of a payload: fields and codes."""
    with pytest.raises(InvalidPayloadError) as refused:
        parse_payload(channel, raw)
    return [(problem.field, problem.code) for problem in refused.value.problems]


def parsed_or_problems(channel: Channel, raw: dict[str, Any]) -> Payload | list[Problem]:
    try:
        return parse_payload(channel, raw)
    except InvalidPayloadError as error:
        return error.problems


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP, Channel.MESSENGER])
def test_a_simple_text(channel: Channel) -> None:
    parsed = parse_payload(channel, {"Type": "simple-text", "Text": "Hola"})
    assert isinstance(parsed, SimpleText)
    assert parsed.text == "Hola"


def test_the_specifications_rcs_text() -> None:
    parsed = parse_payload(Channel.RCS, {"Type": "text-message-rcs", "Text": "Texto del mensaje simple"})
    assert isinstance(parsed, RcsText)
    assert parsed.text == "Texto del mensaje simple"


@given(type_name=anyhow("type"), text_name=anyhow("text"))
def test_names_are_matched_in_any_letter_case(type_name: str, text_name: str) -> None:
    assert parse_payload(Channel.SMS, {type_name: "simple-text", text_name: "Hola"}).displayed_text() == "Hola"


@given(names=st.tuples(*map(anyhow, ("type", "subject", "body", "ishtml", "cc", "bcc", "replyto"))))
def test_an_email_with_all_its_fields_in_any_letter_case(names: tuple[str, ...]) -> None:
    values: list[JsonValue] = ["email", "Cita", "<p>Hola</p>", True, ["a@correo.es"], ["b@correo.es"], "c@correo.es"]
    assert parse_payload(Channel.EMAIL, dict(zip(names, values, strict=True))) == Email(
        type="email",
        subject="Cita",
        body="<p>Hola</p>",
        ishtml=True,  # pyright: ignore[reportCallIssue] - the wire's name, which the alias generator makes
        cc=["a@correo.es"],
        bcc=["b@correo.es"],
        replyto="c@correo.es",  # pyright: ignore[reportCallIssue] - the same
    )


def test_an_email_needs_only_its_body() -> None:
    assert parse_payload(Channel.EMAIL, {"Type": "email", "Body": "Hola"}).displayed_text() == "Hola"


@pytest.mark.parametrize(
    ("channel", "raw", "expected"),
    [
        (Channel.SMS, {}, [("payLoad.Type", "missing")]),
        (Channel.SMS, {"Type": None, "Text": "a"}, [("payLoad.Type", "missing")]),
        (Channel.SMS, {"Type": "email", "Body": "a"}, [("payLoad.Type", "not_allowed")]),
        (Channel.SMS, {"Type": ["simple-text"]}, [("payLoad.Type", "not_allowed")]),
        (Channel.SMS, {"Type": "SIMPLE-TEXT", "Text": "a"}, [("payLoad.Type", "not_allowed")]),
        (Channel.SMS, {"Type": "simple-text"}, [("payLoad.Text", "missing")]),
        (Channel.SMS, {"Type": "simple-text", "Text": ""}, [("payLoad.Text", "empty")]),
        (Channel.SMS, {"Type": "simple-text", "Text": 1}, [("payLoad.Text", "wrong_type")]),
        (Channel.SMS, {"Type": "simple-text", "Text": None}, [("payLoad.Text", "wrong_type")]),
        (Channel.SMS, {"Type": "simple-text", "Text": "a" * 200_001}, [("payLoad.Text", "too_long")]),
        (
            Channel.SMS,
            {"Type": "simple-text", "TEXT": 1, "fOO": 1},
            [("payLoad.Text", "wrong_type"), ("payLoad.fOO", "unknown_field")],
        ),
        (Channel.SMS, {"Type": "simple-text", "Text": "a", "text": "a"}, [("payLoad.text", "duplicate_field")]),
        (Channel.SMS, {"Type": "simple-text", "Text": "a", "type": "email"}, [("payLoad.type", "duplicate_field")]),
        (
            Channel.SMS,
            {"Type": "simple-text", "Body": "a", "Foo": 1},
            [("payLoad.Text", "missing"), ("payLoad.Body", "unknown_field"), ("payLoad.Foo", "unknown_field")],
        ),
        (
            Channel.EMAIL,
            {"Type": "email", "Subject": "a\r\nBcc: b@correo.es", "Body": 1, "IsHtml": "true", "Cc": ["a", 1]},
            [
                ("payLoad.Subject", "bad_pattern"),
                ("payLoad.Body", "wrong_type"),
                ("payLoad.IsHtml", "wrong_type"),
                ("payLoad.Cc[1]", "wrong_type"),
            ],
        ),
    ],
)
def test_all_problems_are_reported_at_once(
    channel: Channel, raw: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert sorted(problems_of(channel, raw)) == sorted(expected)


def test_a_type_of_another_channel_is_refused_with_those_that_are_allowed() -> None:
    with pytest.raises(InvalidPayloadError) as refused:
        parse_payload(Channel.RCS, {"Type": "simple-text", "Text": "a"})
    message = refused.value.problems[0].message()
    assert message.startswith("Debe ser uno de: text-message-rcs")
    assert "simple-text" not in message


@given(channel=channels, raw=objects)
def test_any_json_object_is_a_payload_or_refused_with_a_text(channel: Channel, raw: dict[str, Any]) -> None:
    parsed = parsed_or_problems(channel, raw)
    if isinstance(parsed, list):
        assert parsed
        assert all(problem.field.startswith("payLoad.") and problem.message() for problem in parsed)


@given(channel=channels, raw=objects)
def test_a_summary_is_always_a_json_text_with_exactly_its_three_fields(channel: Channel, raw: dict[str, Any]) -> None:
    summary = json.loads(summary_of(channel, raw))
    assert list(summary) == ["subject", "body", "generic"]
    assert isinstance(summary["subject"], str)
    assert isinstance(summary["body"], str)
    assert summary["generic"] is None or isinstance(summary["generic"], str)


def test_a_summary_is_formatted_as_in_the_specification() -> None:
    assert summary_text() == NOTHING_SAID
    assert summary_of(Channel.SMS, {"Type": "unknown"}) == NOTHING_SAID


def test_a_texts_summary_is_its_body() -> None:
    summary = summary_of(Channel.RCS, {"Type": "text-message-rcs", "Text": 'Mañana "a las 10"'})
    assert summary == '{"subject":"","body":"Mañana \\"a las 10\\"","generic":null}'


def test_an_emails_summary_is_its_subject_and_body() -> None:
    summary = summary_of(Channel.EMAIL, {"Type": "email", "Subject": "Cita", "Body": "A las 10"})
    assert summary == '{"subject":"Cita","body":"A las 10","generic":null}'


def test_every_channel_takes_some_payload_under_the_name_that_the_payload_has() -> None:
    assert set(PAYLOADS) == set(Channel)
    for payloads in PAYLOADS.values():
        assert payloads
        assert all(name == payload.wire_type for name, payload in payloads.items())


@pytest.mark.parametrize(
    "text",
    ["", "  ", "linea\notra", "a\rb", "a\tb", "a     b"],
    ids=["empty", "blank", "LF", "CR", "tab", "five spaces"],
)
def test_a_template_parameter_that_whatsapp_refuses_is_refused_and_named(text: str) -> None:
    template: dict[str, JsonValue] = {"Type": "template", "Name": "cita", "Parameters": ["Ana", text]}
    assert problems_of(Channel.WHATSAPP, template) == [("payLoad.Parameters[1]", "bad_template_parameter")]


def test_a_template_parameter_may_have_four_spaces() -> None:
    parse_payload(Channel.WHATSAPP, {"Type": "template", "Name": "cita", "Parameters": ["a    b", " ñ "]})


@pytest.mark.parametrize(
    ("channel", "media_type", "shown"),
    [(Channel.WHATSAPP, kind, kind != "audio") for kind in ("image", "video", "audio", "document")]
    + [(Channel.MESSENGER, kind, False) for kind in ("image", "video", "audio", "document")],
)
def test_a_caption_that_would_not_be_shown_is_refused(channel: Channel, media_type: str, shown: bool) -> None:
    media: dict[str, JsonValue] = {"Type": "media", "Url": "https://a.example/a", "MediaType": media_type}
    parse_payload(channel, media)
    if shown:
        parse_payload(channel, {**media, "Caption": "Mire"})
    else:
        assert problems_of(channel, {**media, "Caption": "Mire"}) == [("payLoad.Caption", "caption_not_shown")]


def test_choices_that_whatsapp_could_not_distinguish_are_refused() -> None:
    twice: list[JsonValue] = [{"Title": "Sí", "Id": "a"}, {"Title": "Sí", "Id": "b"}]
    assert problems_of(Channel.WHATSAPP, {"Type": "buttons", "Text": "¿Viene?", "Buttons": twice}) == [
        ("payLoad.Buttons", "repeated_choice")
    ]
    rows: list[JsonValue] = [{"Id": "1", "Title": "Uno"}, {"Id": "1", "Title": "Dos"}]
    sections: JsonValue = [{"Title": "Horas", "Rows": [row]} for row in rows]
    listed: dict[str, JsonValue] = {"Type": "list", "Text": "Elija", "Button": "Ver", "Sections": sections}
    assert problems_of(Channel.WHATSAPP, listed) == [("payLoad.Sections", "repeated_choice")]
