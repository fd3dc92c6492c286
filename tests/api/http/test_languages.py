"""Answers in the caller's language: Spanish, or English by `Accept-Language`, and never both in one."""

import re
from typing import Any

import pytest

from domain.texts.answers import ENGLISH
from tests.api.support import ABSENT_ID, mobile, post_callback, received, sent_silently
from tests.iris import Iris

SPANISH_WORDS = re.compile(r"\b(el|la|los|las|de|del|que|no se|por|una?|está|fue|puede)\b", re.IGNORECASE)

LISTS = ["interactions?status=SENT", "users", "processes", "templates", "integrations", "attachments", "api-keys"]


async def in_both(iris: Iris, method: str, path: str, body: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401 - any JSON
    answers = [
        (await iris.http.request(method, path, json=body, headers={"Accept-Language": language})).json()
        for language in ("es", "en-GB, es;q=0.5")
    ]
    return answers[0], answers[1]


@pytest.mark.parametrize("noun", LISTS)
async def test_a_success_is_in_the_callers_language(iris: Iris, noun: str) -> None:
    spanish, english = await in_both(iris, "GET", f"/v1/{noun}")
    assert spanish["status"] == english["status"] == 200
    assert english["detail"] == ENGLISH[spanish["detail"]]


async def test_a_creation_is_in_the_callers_language(iris: Iris) -> None:
    spanish, english = await in_both(iris, "POST", "/v1/users", {"name": "Ana"})
    assert (spanish["title"], spanish["detail"]) == ("Creado", "Usuario creado")
    assert (english["title"], english["detail"]) == ("Created", "User created")


async def test_one_callers_language_is_not_the_next_ones(iris: Iris) -> None:
    await in_both(iris, "GET", "/v1/users")
    response = await iris.http.get("/v1/users")
    assert response.json()["detail"] == "Usuarios encontrados"


WRONG: list[tuple[str, str, Any]] = [
    ("POST", "/v1/interactions", {"payLoad": 5, "Destinations": "x", "integrationId": ABSENT_ID}),
    ("POST", "/v1/users", {"name": "", "primaryKey": {"Email": ["a@b"], "PhoneNumber": ["1"]}}),
    ("POST", "/v1/api-keys", {"name": "x", "expires": "yesterday", "scopes": ["fly"]}),
    ("POST", "/v1/templates", {"name": "x", "channel": "Pigeon", "payload": {}, "variables": [{"name": "1"}]}),
    ("GET", "/v1/interactions?limit=0&since=x&channel=Pigeon", None),
    ("GET", "/v1/users?limit=500&cursor=x", None),
    ("GET", "/v1/interactions?staus=SENT", None),
    ("GET", f"/v1/users/{ABSENT_ID}", None),
    ("GET", "/nowhere", None),
    ("PUT", "/v1/interactions", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRONG, ids=[f"{method} {path}" for method, path, _ in WRONG])
async def test_a_refusal_is_in_the_callers_language(iris: Iris, method: str, path: str, body: object) -> None:
    spanish, english = await in_both(iris, method, path, body)
    assert spanish["status"] == english["status"] >= 400
    assert spanish["title"] != english["title"]
    for item, translated in zip(spanish["error"], english["error"], strict=True):
        assert (item["field"], item["code"]) == (translated["field"], translated["code"])
        assert item["message"] != translated["message"]
        assert "should" not in item["message"]
        assert not SPANISH_WORDS.search(translated["message"]), translated


async def test_a_limit_of_one_is_in_the_singular(iris: Iris) -> None:
    several = iris.request("sms", mobile(), Destinations=[mobile(), mobile()], attachmentsId=[ABSENT_ID])
    spanish, english = await in_both(iris, "POST", "/v1/interactions", several)
    assert "como máximo 1 destino por interacción" in spanish["detail"]
    assert "at most 1 destination per interaction" in english["detail"]
    assert "no admite adjuntos" in spanish["detail"]
    assert "takes no attachments" in english["detail"]


async def test_a_body_that_is_no_json_says_where_in_the_callers_language(iris: Iris) -> None:
    for language, expected in (("es", "línea 1, columna 8"), ("en", "line 1, column 8")):
        response = await iris.http.post("/v1/users", content=b'{"name"}', headers={"Accept-Language": language})
        assert expected in response.json()["detail"]


async def test_a_history_is_in_the_readers_language_though_it_was_written_for_another(iris: Iris) -> None:
    refused = await iris.post(iris.request("sms", mobile(), AutoCreateProcess=False), **{"Accept-Language": "en"})
    [first, last] = refused.json()["payload"]["auditTrail"]["history"]
    assert first["notes"] == "Interaction registered"
    assert last["notes"] == "processId: Give a processId or AutoCreateProcess: true"
    path = f"/v1/interactions/{refused.json()['payload']['id']}"
    spanish, english = await in_both(iris, "GET", path)
    assert english["payload"] == refused.json()["payload"]
    [first, last] = spanish["payload"]["auditTrail"]["history"]
    assert first["notes"] == "Interacción registrada"
    assert last["notes"] == "processId: Indique un processId o AutoCreateProcess: true"
    spanish, english = await in_both(iris, "GET", f"{path}/explanation")
    assert (
        spanish["payload"]["reason"]
        != english["payload"]["reason"]
        == "processId: Give a processId or AutoCreateProcess: true"
    )


async def test_the_reason_of_an_unapplied_event_is_in_the_readers_language(iris: Iris) -> None:
    sent = await sent_silently(iris)
    for status in ("delivered", "sent"):
        await post_callback(iris, sent.integration_id, sent.callback(status))
    await received(iris, sent.id, 2)
    spanish, english = await in_both(iris, "GET", f"/v1/interactions/{sent.id}")
    reasons = [one["payload"]["auditTrail"]["providerEvents"][-1]["reason"] for one in (spanish, english)]
    assert reasons == ["tardío: ya estaba en COMPLETED", "late: already COMPLETED"]
