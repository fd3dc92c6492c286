"""Health and documentation of the API."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from jsonschema import Draft202012Validator

from domain.channels import Channel
from domain.payloads import PAYLOADS, parse_payload
from domain.payloads.samples import SAMPLES
from tests.api.support import mobile
from tests.iris import Iris
from tests.plain_http import plain_client

METHODS = {"get", "post", "put", "patch", "delete"}


async def description(iris: Iris) -> dict[str, Any]:
    response = await iris.http.get("/openapi.json", headers={"Authorization": ""})
    assert response.status_code == 200
    return response.json()


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def request_body(document: dict[str, Any], name: str) -> dict[str, Any]:
    return operations(document)[name]["requestBody"]["content"]["application/json"]


def accepts(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """Validation errors of a value against a schema of the description."""
    whole = {**schema, "components": document["components"]}
    validator: Any = Draft202012Validator(whole)
    return [str(error.message) for error in validator.iter_errors(value)]


async def test_it_is_alive_and_ready_without_a_key(iris: Iris) -> None:
    async with plain_client(base_url=iris.http.base_url) as http:
        live, ready = await http.get("/health/live"), await http.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert ready.json()["parts"].keys() >= {"mongodb", "temporal", "workers"}
    assert set(ready.json()["parts"].values()) == {"ok"}


async def test_the_description_is_open_api_3_1_of_valid_schemas(iris: Iris) -> None:
    document = await description(iris)
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= document["info"].keys()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for name, operation in operations(document).items():
        assert operation["responses"], name
        assert operation["summary"], name
        for body in operation.get("requestBody", {}).get("content", {}).values():
            Draft202012Validator.check_schema(body["schema"])
    identifiers = [operation["operationId"] for operation in operations(document).values()]
    assert len(identifiers) == len(set(identifiers))


async def test_whoever_may_be_refused_for_his_key_may_be_asked_to_come_again(iris: Iris) -> None:
    for name, operation in operations(await description(iris)).items():
        if "403" in operation["responses"] and not name.startswith("GET /webhooks"):
            assert {"401", "429", "503"} <= operation["responses"].keys(), name


def references(document: object) -> Iterator[str]:
    """Every `$ref` of a document."""
    match document:
        case dict():
            for name, inner in cast("dict[str, object]", document).items():
                if name == "$ref":
                    yield str(inner)
                yield from references(inner)
        case list():
            for inner in cast("list[object]", document):
                yield from references(inner)
        case _:
            pass


async def test_every_reference_of_the_description_leads_somewhere_in_it(iris: Iris) -> None:
    document = await description(iris)
    found = set(references(document))
    assert found
    for reference in found:
        root, *steps = reference.split("/")
        assert root == "#", reference
        inner: Any = document
        for step in steps:
            assert step in inner, reference
            inner = inner[step]


async def test_every_documented_call_is_described(iris: Iris) -> None:
    assert operations(await description(iris)).keys() >= {
        "POST /v1/interactions",
        "GET /v1/interactions/{interaction_id}",
        "POST /conversation/interaction/{interaction_id}",
        "POST /user/login",
        "POST /webhooks/{provider}/{integration_id}",
        "GET /v1/processes",
        "POST /v1/processes",
        "GET /v1/processes/{process_id}",
        "PATCH /v1/processes/{process_id}",
        "GET /v1/processes/{process_id}/interactions",
        "POST /v1/processes/{process_id}/close",
        "POST /v1/processes/{process_id}/reopen",
        "GET /v1/tenant",
        "PATCH /v1/tenant",
        "DELETE /v1/users/{user_id}",
        "GET /v1/users/{user_id}/erasure",
        "GET /v1/users/{user_id}/merge",
        "POST /v1/users/{user_id}/merge",
        "GET /v1/users",
        "POST /v1/users",
        "GET /v1/users/{user_id}",
        "PATCH /v1/users/{user_id}",
        "POST /v1/users/{user_id}/destinations",
        "DELETE /v1/users/{user_id}/destinations/{kind}/{value}",
        "GET /health/live",
        "GET /health/ready",
    }


async def test_the_send_body_is_described_as_the_specification_spells_it_with_examples_that_fit(iris: Iris) -> None:
    document = await description(iris)
    body = request_body(document, "POST /v1/interactions")
    assert body["schema"] == {"$ref": "#/components/schemas/SendRequest"}
    schema = document["components"]["schemas"]["SendRequest"]
    assert schema["properties"].keys() >= {
        *("payLoad", "integrationId", "processId", "Destinations", "AutoCreateUser", "AutoCreateProcess"),
    }
    # `integrationId` and `Destinations` are not required with `strategy`.
    assert "required" not in schema
    assert {"sms", "rcs", "email"} <= body["examples"].keys()
    for example in body["examples"].values():
        assert accepts(document, body["schema"], example["value"]) == []
    assert accepts(document, body["schema"], {"payLoad": []}) != []


async def test_the_schema_of_a_payload_is_selected_by_its_type_within_its_channel(iris: Iris) -> None:
    document = await description(iris)
    schemas = document["components"]["schemas"]
    assert {one["$ref"] for one in schemas["SendRequest"]["properties"]["payLoad"]["anyOf"]} == {
        f"#/components/schemas/{channel}Payload" for channel in PAYLOADS
    }
    for channel, payloads in PAYLOADS.items():
        schema = schemas[f"{channel}Payload"]
        assert schema["discriminator"]["propertyName"] == "Type"
        assert schema["discriminator"]["mapping"].keys() == payloads.keys()
        assert {one["$ref"] for one in schema["oneOf"]} == set(schema["discriminator"]["mapping"].values())
        for sample in SAMPLES[channel]:
            assert accepts(document, schema, sample) == []
            assert accepts(document, schema, {**sample, "Type": "another"}) != []
            assert accepts(document, schema, {**sample, "Colour": "red"}) != []


async def test_every_body_is_a_component_under_its_own_name_and_every_date_is_a_date(iris: Iris) -> None:
    document = await description(iris)
    schemas = document["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch(r"\w*?", name) or "__" in name] == []
    assert not {"HTTPValidationError", "ValidationError"} & schemas.keys()
    for name, operation in operations(document).items():
        for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
            assert media_type != "application/json" or body["schema"].keys() == {"$ref"}, name
    dated = {"created", "updated", "date", "expires", "since", "until", "requested", "completed", "lastUsed"}
    for name, schema in schemas.items():
        for field in dated & schema.get("properties", {}).keys():
            assert '"date-time"' in json.dumps(schema["properties"][field]), (name, field)


async def test_every_route_that_refuses_unknown_parameters_says_so(iris: Iris) -> None:
    for name, operation in operations(await description(iris)).items():
        assert ("422" in operation["responses"]) == ("/webhooks/" not in name), name


async def test_there_is_an_example_of_every_payload_type_of_every_channel(iris: Iris) -> None:
    examples = request_body(await description(iris), "POST /v1/interactions")["examples"]
    names = {Channel.MESSENGER: "messenger"}
    for channel, types in PAYLOADS.items():
        name = names.get(channel, channel.lower())
        shown = [one["value"]["payLoad"] for key, one in examples.items() if key == name or key.startswith(f"{name}-")]
        assert {parse_payload(channel, payload).type for payload in shown} == types.keys()


async def test_the_examples_work_when_their_integration_is_ours(iris: Iris) -> None:
    body = request_body(await description(iris), "POST /v1/interactions")
    for channel in ("sms", "rcs", "email"):
        example = body["examples"][channel]["value"]
        ours = {"integrationId": iris.demo.integrations[channel], "processId": None}
        assert (await iris.post(example | ours)).status_code == 200


async def test_answers_are_as_described(iris: Iris) -> None:
    document = await description(iris)
    described = operations(document)["POST /v1/interactions"]["responses"]
    admitted = await iris.post(iris.request("sms", mobile()))
    rejected = await iris.post(iris.request("sms", mobile(), AutoCreateProcess=False))
    for response in (admitted, rejected):
        schema = described[str(response.status_code)]["content"]["application/json"]["schema"]
        assert accepts(document, schema, response.json()) == []


async def test_people_read_the_description_at_docs_and_its_page_needs_no_other_server(iris: Iris) -> None:
    anonymous = {"Authorization": ""}
    page = await iris.http.get("/", headers=anonymous, follow_redirects=True)
    assert (page.status_code, page.url.path) == (200, "/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    needed = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(needed) == 4
    assert "://" not in page.text
    for address in needed:
        response = await iris.http.get(address, headers=anonymous)
        assert response.status_code == 200, address
        assert response.content
    start = await iris.http.get("/docs/start.js")
    assert start.headers["Content-Type"].startswith("text/javascript")
    assert '"/openapi.json"' in start.text
    assert "://" not in start.text


async def test_the_headers_of_an_answer_are_described(iris: Iris) -> None:
    document = await description(iris)
    send = operations(document)["POST /v1/interactions"]["responses"]
    ours = document["components"]["headers"].keys()
    first, again = [
        await iris.post(iris.request("sms", "34600000001"), **{"Idempotency-Key": "described"}) for _ in range(2)
    ]
    sent = {name for response in (first, again) for name in response.headers}
    assert {name for name in ours if name.lower() in sent} <= send["200"]["headers"].keys()
    assert "Idempotent-Replayed" in send["200"]["headers"]
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= send["429"]["headers"].keys()
    assert "RateLimit" not in operations(document)["GET /health/live"]["responses"]["200"]["headers"]
