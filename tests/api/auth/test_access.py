"""Authentication by API key or access token; secrets are never shown or stored in clear."""

import base64
import json
from datetime import timedelta
from typing import Any

import httpx2
import jwt
import pytest

from domain.clock import utc_now
from embedded.demo import EMAIL
from models import DOCUMENTS
from models.access import ApiKey
from models.base import Stored
from models.integration import Integration
from security.credential_encryption import API_KEY_PREFIX, hash_secret
from temporal.interactions import workflow_id
from tests.api.support import ABSENT_ID, SIGNING_SECRET, mobile, reasons, refusal
from tests.iris import PASSWORD, SANDBOX, Iris


async def log_in(iris: Iris, **changes: str) -> httpx2.Response:
    body = {"Email": EMAIL, "Password": PASSWORD, "tenant": iris.demo.tenant}
    return await iris.http.post("/user/login", json=body | changes, headers={"Authorization": ""})


async def token(iris: Iris) -> str:
    return (await log_in(iris)).json()["payload"]


async def calling_with(iris: Iris, authorization: str | bytes) -> httpx2.Response:
    value = authorization.encode() if isinstance(authorization, str) else authorization
    return await iris.http.get(f"/v1/interactions/{ABSENT_ID}", headers={b"Authorization": value})


def segment(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


async def test_a_login_gives_a_token_that_calls_as_the_account(iris: Iris) -> None:
    response = await log_in(iris)
    assert response.status_code == 200
    body = response.json()
    assert {name: body[name] for name in ("type", "title", "status", "detail", "instance", "error")} == {
        "type": "about:blank",
        "title": "OK",
        "status": 200,
        "detail": "Login",
        "instance": None,
        "error": None,
    }
    bearer = f"Bearer {body['payload']}"
    by_token = await iris.post(iris.request("sms", mobile()), Authorization=bearer)
    by_key = await iris.send("sms", mobile())
    assert by_token.status_code == 200
    assert by_token.json()["payload"]["tenant"] == iris.demo.tenant
    assert by_token.json()["payload"]["auditTrail"]["authorId"] == by_key["auditTrail"]["authorId"]


async def test_a_login_takes_its_keys_and_the_address_in_any_letter_case(iris: Iris) -> None:
    body = {"EMAIL": EMAIL.upper(), "password": PASSWORD, "Tenant": iris.demo.tenant}
    assert (await iris.http.post("/user/login", json=body)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"Password": "wrong"},
        {"Password": ""},
        {"Email": "nobody@iris.example.com"},
        {"Email": ""},
        {"tenant": "nowhere"},
    ],
)
async def test_a_wrong_password_and_an_unknown_account_get_the_same_documented_answer(
    iris: Iris, changes: dict[str, str]
) -> None:
    body = refusal(await log_in(iris, **changes), 401)
    assert (body["title"], body["detail"]) == ("Login erróneo", "El email y/o contraseña no son válidos")
    assert body["error"] == [{"field": "", "code": "wrong_credentials", "message": body["detail"]}]
    assert body["payload"] is None


async def test_a_login_that_is_no_login_names_its_fields(iris: Iris) -> None:
    response = await iris.http.post("/user/login", json={"Email": {"$ne": ""}, "Password": 5})
    assert sorted(reasons(response, 422)) == [
        ("Email", "wrong_type"),
        ("Password", "wrong_type"),
        ("tenant", "missing"),
    ]


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer nonsense",
        "Bearer a.b.c",
        f"Bearer {API_KEY_PREFIX}{'x' * 43}",
        f"Bearer {API_KEY_PREFIX}",
        b"Bearer \xff\xfe",
        b"Bearer iris_\xff",
    ],
)
async def test_without_a_valid_key_nothing_is_answered(iris: Iris, authorization: str | bytes) -> None:
    response = await calling_with(iris, authorization)
    assert reasons(response, 401) == [("Authorization", "unauthenticated")]
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_key_counts_only_as_a_bearers(iris: Iris) -> None:
    key = iris.demo.api_key
    basic = base64.b64encode(f"{key}:".encode()).decode()
    for authorization in (
        key,
        f"Basic {basic}",
        f"Token {key}",
        f"Bearer{key}",
        f"Bearer {key}x",
        f"Bearer {key[:-1]}",
    ):
        assert reasons(await calling_with(iris, authorization), 401) == [("Authorization", "unauthenticated")]
    for authorization in (f"Bearer {key}", f"bearer {key}", f"BEARER  {key}"):
        assert reasons(await calling_with(iris, authorization), 404) == [("id", "not_found")]


async def test_every_call_about_interactions_needs_a_key(iris: Iris) -> None:
    nobody = {"Authorization": ""}
    for method, path in (
        ("POST", "/v1/interactions"),
        ("GET", f"/v1/interactions/{ABSENT_ID}"),
        ("POST", f"/conversation/interaction/{ABSENT_ID}"),
    ):
        refusal(await iris.http.request(method, path, headers=nobody), 401)


async def test_a_token_that_is_not_exactly_ours_and_in_time_is_refused(iris: Iris) -> None:
    valid = await token(iris)
    secret = iris.settings.jwt_secret.get_secret_value()
    claims: dict[str, Any] = jwt.decode(valid, secret, algorithms=["HS256"], audience="iris")
    assert reasons(await calling_with(iris, f"Bearer {valid}"), 404) == [("id", "not_found")]
    header, content, signed = valid.split(".")
    other = "A" if signed[0] != "A" else "B"
    long_ago = {"iat": utc_now() - timedelta(hours=2), "exp": utc_now() - timedelta(hours=1)}
    forged = {
        "expired": jwt.encode(claims | long_ago, secret, algorithm="HS256"),
        "another tenant's": f"{header}.{segment(claims | {'tenant': 'other'})}.{signed}",
        "another signature": f"{header}.{content}.{other}{signed[1:]}",
        "no algorithm": f"{segment({'alg': 'none', 'typ': 'JWT'})}.{content}.",
        "no algorithm, signed": f"{segment({'alg': 'none'})}.{content}.{signed}",
        "another secret": jwt.encode(claims, "x" * 40, algorithm="HS256"),
        "another algorithm": jwt.encode(claims, secret * 2, algorithm="HS512"),
        "another audience": jwt.encode(claims | {"aud": "else"}, secret, algorithm="HS256"),
    }
    for name in ("exp", "iat", "sub", "aud", "tenant"):
        rest = {claim: value for claim, value in claims.items() if claim != name}
        forged[f"no {name}"] = jwt.encode(rest, secret, algorithm="HS256")
    for name, bearer in forged.items():
        response = await calling_with(iris, f"Bearer {bearer}")
        assert (name, response.status_code) == (name, 401)


async def test_secrets_are_not_stored_in_clear(iris: Iris) -> None:
    admitted = await iris.send("sms", mobile())
    await iris.until_status(admitted["id"], "COMPLETED")
    secrets = [iris.demo.api_key, PASSWORD, SANDBOX.token.get_secret_value(), SIGNING_SECRET]
    for document in DOCUMENTS:
        assert issubclass(document, Stored)
        async for stored in document.collection().find({}):
            assert not any(secret in repr(stored) for secret in secrets)
    assert await ApiKey.find_one({"key_hash": hash_secret(iris.demo.api_key)}) is not None
    assert await Integration.find_one({"tenant": iris.demo.tenant}) is not None
    history = await iris.temporal.get_workflow_handle(workflow_id(admitted["id"])).fetch_history()
    history_bytes = b"".join(event.SerializeToString() for event in history.events)
    assert admitted["id"].encode() in history_bytes
    assert not any(secret.encode() in history_bytes for secret in secrets)


async def test_secrets_are_in_no_answer(iris: Iris) -> None:
    admitted = await iris.send("sms", mobile())
    bearer = await token(iris)
    answers = [
        await iris.http.get(f"/v1/interactions/{admitted['id']}"),
        await iris.post(iris.request("sms", "none", AutoCreateProcess=False)),
        await iris.post(iris.request("sms", mobile(), AutoCreateUser=5)),
        await iris.http.post("/webhooks/sandbox/" + iris.demo.integrations["sms"], content=b"{}"),
        await log_in(iris, Password=PASSWORD + "x"),
        await calling_with(iris, f"Bearer {iris.demo.api_key}x"),
        await calling_with(iris, f"Bearer {bearer}x"),
        await iris.http.get("/openapi.json"),
    ]
    secrets = [
        *(iris.demo.api_key, PASSWORD, bearer, SANDBOX.token.get_secret_value(), SIGNING_SECRET),
        *(iris.settings.jwt_secret.get_secret_value(), iris.settings.encryption_keys.get_secret_value()),
    ]
    for answer in answers:
        assert not any(secret in answer.text for secret in secrets)
