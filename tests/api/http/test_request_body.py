"""Invalid request bodies are refused with all their problems."""

import json
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from bson import BSON
from fastapi import Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError
from starlette.types import Message

from api.http.request_body import read_object
from api.limits.concurrency import ConcurrencyLimiter
from api.schemas.interactions import SendRequest
from domain.errors import InvalidRequestError
from domain.identifiers import new_id
from domain.json_objects import JsonObject
from domain.payloads.whatsapp import WhatsAppList
from domain.problems import MAX_PROBLEMS
from tests.api.routes.test_managing_processes import answered
from tests.api.support import ABSENT_ID, mobile, reasons
from tests.iris import Iris
from tests.providers.arbitrary import damaged


async def post_raw(iris: Iris, body: bytes) -> httpx2.Response:
    return await iris.http.post("/v1/interactions", content=body, headers={"Content-Type": "application/json"})


NOT_JSON = {
    "empty": b"",
    "cut": b'{"payLoad": {',
    "not JSON": b"Type=simple-text&Text=Hola",
    "NaN": b'{"metadata": {"x": NaN}}',
    "Infinity": b'{"metadata": {"x": -Infinity}}',
    "a name twice": b'{"processId": null, "processId": null}',
    "a name twice inside": b'{"payLoad": {"Type": "a", "Type": "b"}}',
    "invalid UTF-8": b'{"processId": "\xff"}',
    "UTF-16": '{"processId": "x"}'.encode("utf-16"),
    "a number of 5000 digits": b'{"metadata": {"x": ' + b"9" * 5_000 + b"}}",
    "nested beyond any stack": b'{"metadata":' + b"[" * 200_000,
}

NOT_AN_OBJECT = {"array": b"[]", "text": b'"hola"', "null": b"null", "number": b"5"}

NOT_STORABLE = {
    "an integer beyond 64 bits": (b'{"metadata": {"x": 9223372036854775808}}', "metadata.x"),
    "a float beyond 64 bits": (b'{"metadata": {"x": [1, 1e999]}}', "metadata.x[1]"),
    "half of a surrogate pair": (b'{"payLoad": {"Text": "\\ud83d"}}', "payLoad.Text"),
    "half of a pair in a name": (b'{"payLoad": {"\\udc00": 1}}', "payLoad"),
    "NUL": (b'{"payLoad": {"Text": "a\\u0000b"}}', "payLoad.Text"),
    "NUL in a name": (b'{"metadata": {"a\\u0000b": 1}}', "metadata"),
    "what MongoDB's drivers read as a reference": (b'{"metadata": {"x": [{"$id": 1, "$ref": "y"}]}}', "metadata.x[0]"),
    "a reference for a value": (b'{"primaryKey": {"$ref": "y", "$id": {}, "$db": "z", "a": 1}}', "primaryKey"),
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_invalid_json_is_a_bad_request(iris: Iris, body: bytes) -> None:
    assert reasons(await post_raw(iris, body), 400) == [("", "invalid_json")]


@pytest.mark.parametrize("body", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT)
async def test_a_body_other_than_an_object_is_a_bad_request(iris: Iris, body: bytes) -> None:
    assert reasons(await post_raw(iris, body), 400) == [("", "not_an_object")]


@pytest.mark.parametrize(("body", "field"), NOT_STORABLE.values(), ids=NOT_STORABLE)
async def test_a_body_that_cannot_be_stored_unchanged_is_refused(iris: Iris, body: bytes, field: str) -> None:
    assert reasons(await post_raw(iris, body), 422) == [(field, "invalid")]


async def test_names_with_a_dollar_are_stored_unchanged(iris: Iris) -> None:
    odd = {"a": {"$ref": "#/a"}, "b": {"$id": "1", "$db": "x"}, "$set": {"$ref": 1}, "c.$d": [{"$literal": 1}], "": 1}
    sent = await iris.send("sms", mobile(), metadata=odd)
    assert {name: (await iris.read(sent["id"]))["metadata"][name] for name in odd} == odd
    user = await answered(await iris.http.post("/v1/users", json={"name": "Ana", "metadata": odd}), 201)
    changed = await iris.http.patch(f"/v1/users/{user['id']}", json={"metadata": {"x": odd}})
    assert (await answered(changed))["metadata"] == {"x": odd}


async def test_nesting_is_bounded(iris: Iris) -> None:
    def nested(levels: int) -> dict[str, Any]:
        return json.loads('{"in":' * levels + "1" + "}" * levels)

    deepest = await iris.send("whatsapp", mobile(), metadata=nested(31))
    assert deepest["metadata"] == nested(31)
    response = await iris.post(iris.request("sms", mobile(), metadata=nested(32)))
    assert reasons(response, 422) == [("metadata" + ".in" * 31, "invalid")]


async def test_a_byte_order_mark_is_no_mistake(iris: Iris) -> None:
    response = await post_raw(iris, b"\xef\xbb\xbf" + json.dumps(iris.request("sms", mobile())).encode())
    assert response.status_code == 200


async def test_a_name_twice_in_different_letter_case_is_refused(iris: Iris) -> None:
    request = iris.request("sms", mobile())
    response = await iris.post(request | {"PAYLOAD": request["payLoad"]})
    assert reasons(response, 422) == [("PAYLOAD", "duplicate_field")]


async def test_a_body_larger_than_the_setting_is_refused_whether_its_length_is_said_or_not(iris: Iris) -> None:
    padding = b" " * iris.settings.max_body_bytes
    body = padding + json.dumps(iris.request("sms", mobile())).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    assert reasons(await post_raw(iris, body), 413) == [("", "body_too_large")]
    response = await iris.http.post("/v1/interactions", content=chunks())
    assert reasons(response, 413) == [("", "body_too_large")]


async def test_a_body_as_large_as_the_setting_is_taken(iris: Iris) -> None:
    body = json.dumps(iris.request("sms", mobile())).encode()
    response = await post_raw(iris, body.rjust(iris.settings.max_body_bytes))
    assert response.status_code == 200


WRONG_VALUES: dict[str, list[JsonValue]] = {
    "payLoad": ["hola", [], 5],
    "integrationId": [5, {"$ne": None}, ["67c98902c362797495a602c6"]],
    "processId": [5, True, {"$gt": ""}],
    "Destinations": ["34638766068", {"0": "34638766068"}],
    "Destinations[0]": [None, 34638766068, {"$ne": ""}],
    "AutoCreateUser": ["true", 1],
    "AutoCreateProcess": ["false", 0],
    "metadata": [[], "x"],
    "primaryKey": [[], "x"],
}


@pytest.mark.parametrize("field", WRONG_VALUES)
async def test_a_field_of_another_type_is_refused_by_name(iris: Iris, field: str) -> None:
    for value in WRONG_VALUES[field]:
        change: dict[str, JsonValue] = {"Destinations": [value]} if field == "Destinations[0]" else {field: value}
        response = await iris.post(iris.request("sms", mobile(), **change))
        assert reasons(response, 422) == [(field, "wrong_type")]
        payload = response.json()["payload"]
        assert (payload and payload["status"]) == (None if field == "integrationId" else "VALIDATION_ERROR")


async def test_one_wrong_type_hides_no_other_reason_and_the_rejection_is_recorded(iris: Iris) -> None:
    request = {
        **iris.request("whatsapp", mobile()),
        "payLoad": {"Type": "buttons", "Text": "", "Buttons": [{"Title": "Sí", "Colour": 1}], "Footer": "x"},
        "Destinations": [5, "no number", mobile()],
        "AutoCreateUser": "yes",
        "AutoCreateProcess": False,
        "Colour": "red",
    }
    response = await iris.post(request)
    assert sorted(reasons(response, 422)) == [
        ("AutoCreateUser", "wrong_type"),
        ("Colour", "unknown_field"),
        ("Destinations", "too_many_destinations"),
        ("Destinations[0]", "wrong_type"),
        ("Destinations[1]", "bad_phone_number"),
        ("payLoad.Buttons[0].Colour", "unknown_field"),
        ("payLoad.Footer", "unknown_field"),
        ("payLoad.Text", "empty"),
        ("processId", "process_required"),
    ]
    recorded = await iris.read(response.json()["payload"]["id"])
    assert recorded["status"] == "VALIDATION_ERROR"
    assert recorded["auditTrail"]["history"][-1]["notes"]
    unknown = await iris.post({**request, "integrationId": ABSENT_ID})
    assert sorted(reasons(unknown, 422)) == [
        ("AutoCreateUser", "wrong_type"),
        ("Colour", "unknown_field"),
        ("Destinations[0]", "wrong_type"),
        ("integrationId", "integration_not_found"),
    ]


async def test_the_sentence_about_an_unknown_field_names_those_of_its_own_object(iris: Iris) -> None:
    payload = {"Type": "buttons", "Text": "¿Vendrá?", "Buttons": [{"Title": "Sí", "Colour": 1}]}
    response = await iris.post(iris.request("whatsapp", mobile(), payLoad=payload))
    [item] = response.json()["error"]
    assert item["message"].endswith(": Title, Id")


async def test_a_rejected_request_is_one_under_its_key_and_another_request_is_refused(iris: Iris) -> None:
    key = {"Idempotency-Key": new_id()}
    wrong = iris.request("sms", mobile(), AutoCreateUser="yes")
    first, repeated = await iris.post(wrong, **key), await iris.post(wrong, **key)
    assert first.json() == repeated.json()
    other = await iris.post(wrong | {"AutoCreateUser": True}, **key)
    assert reasons(other, 422) == [("Idempotency-Key", "idempotency_key_reused")]


async def test_null_stands_for_what_is_left_out(iris: Iris) -> None:
    optional = ("processId", "template", "AutoCreateUser", "AutoCreateProcess", "metadata", "primaryKey")
    sent = await iris.post(iris.request("sms", mobile()) | dict.fromkeys([*optional, "attachmentsId"]))
    assert sent.status_code == 200, sent.text
    media = {"Type": "media", "Url": "https://dominio.com/a.jpg", "MediaType": "image"}
    nulls = dict.fromkeys(["Caption", "FileName"])
    assert (await iris.post(iris.request("whatsapp", mobile(), payLoad=media | nulls))).status_code == 200
    user = {"name": "Ana", "metadata": None, "primaryKey": None}
    assert (await iris.http.post("/v1/users", json=user)).status_code == 201


def test_no_optional_field_of_any_body_refuses_null() -> None:
    models = list(_subclasses(JsonObject))
    assert {SendRequest, WhatsAppList} <= set(models)
    for model in models:
        fields = model.model_fields.items()
        optional = {field.alias or name for name, field in fields if not field.is_required()}
        try:
            model.model_validate(dict.fromkeys(optional))
        except ValidationError as error:
            refused = {one["loc"][0] for one in error.errors() if one["loc"]} & optional
            assert not refused, model


def _subclasses(model: type[JsonObject]) -> Iterator[type[JsonObject]]:
    for inner in model.__subclasses__():
        yield inner
        yield from _subclasses(inner)


async def test_missing_and_unknown_fields_are_all_named_at_once_as_the_specification_spells_them(iris: Iris) -> None:
    response = await iris.post({"Colour": "red", "PROCESSID": 5})
    assert sorted(reasons(response, 422)) == [
        ("Colour", "unknown_field"),
        ("Destinations", "missing"),
        ("integrationId", "missing"),
        ("payLoad", "missing"),
        ("processId", "wrong_type"),
    ]


async def test_however_many_fields_are_unknown_the_answer_is_bounded(iris: Iris) -> None:
    unknown: dict[str, JsonValue] = {f"k{number}": number for number in range(10_000)}
    outside = await iris.post(iris.request("sms", mobile(), **unknown))
    inside = await iris.post(iris.request("sms", mobile(), payLoad={"Type": "simple-text", "Text": "Hola", **unknown}))
    for response, prefix in ((outside, ""), (inside, "payLoad.")):
        found = reasons(response, 422)
        assert found == [(f"{prefix}k{number}", "unknown_field") for number in range(MAX_PROBLEMS)]


async def test_a_field_with_a_default_may_be_omitted(iris: Iris) -> None:
    request = iris.request("sms", mobile())
    for name in ("processId", "AutoCreateUser", "AutoCreateProcess"):
        del request[name]
    response = await iris.post(request)
    assert response.status_code == 200


WHOLE = json.dumps(
    {
        "payLoad": {"Type": "simple-text", "Text": "Su cita es mañana"},
        "integrationId": "67c98902c362797495a602c6",
        "processId": None,
        "Destinations": ["34600000001"],
        "AutoCreateUser": True,
        "metadata": {"case": 7, "steps": [1, 2.5, None, {"deep": []}]},
    }
).encode()

bodies = st.one_of(damaged(WHOLE), damaged(WHOLE), st.binary(max_size=100))


def arriving(body: bytes) -> Request:
    """A request with a body."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    app = SimpleNamespace(state=SimpleNamespace(iris=SimpleNamespace(body_bytes=ConcurrencyLimiter(1_000_000))))
    return Request({"type": "http", "method": "POST", "path": "/", "headers": [], "app": app}, receive)


async def taken(body: bytes) -> dict[str, JsonValue] | None:
    """The parsed body; None if it is refused with problems."""
    try:
        return await read_object(arriving(body), 1_000_000)
    except InvalidRequestError as refused:
        if not all(problem.message() for problem in refused.problems):
            raise
        return None


@settings(max_examples=200)
@given(body=bodies)
async def test_any_body_is_refused_with_problems_or_stored_and_returned_unchanged(body: bytes) -> None:
    content = await taken(body)
    if content is not None:
        assert content == json.loads(body.decode("utf-8-sig"))
        assert json.loads(json.dumps(content)) == content
        assert BSON.encode({"content": content}).decode() == {"content": content}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(body=bodies)
async def test_any_body_is_answered_in_the_envelope_and_never_with_an_error_of_ours(iris: Iris, body: bytes) -> None:
    response = await post_raw(iris, body)
    assert 400 <= response.status_code < 500  # its integration does not exist
    assert reasons(response, response.status_code)
