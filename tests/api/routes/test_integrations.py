"""Integrations: create, change, check and delete."""

import asyncio
import json
import socket
from typing import Any

import httpx2
import pytest

from api.routes import integrations
from api.schemas.integrations import NEW_EXAMPLES
from domain.identifiers import new_id
from embedded.ports import free_port
from models.integration import Integration
from security.credential_encryption import Vault
from tests.api.support import (
    ABSENT_ID,
    SIGNING_SECRET,
    SILENT,
    Callback,
    mobile,
    post_callback,
    post_webhook,
    reasons,
    signature,
)
from tests.iris import SANDBOX, Iris
from tests.silent_provider import SilentProvider

TOKEN = SANDBOX.token.get_secret_value()
AUTH_TOKEN = "made-up-auth-token"


def sandbox(iris: Iris, **changes: object) -> dict[str, Any]:
    """A body that creates a working sandbox integration."""
    return {
        "name": f"SMS {new_id()}",
        "channel": "SMS",
        "provider": "sandbox",
        "configuration": {"baseUrl": iris.gateway_url},
        "credentials": {"token": TOKEN, "signingSecret": SIGNING_SECRET},
        **changes,
    }


def twilio(**changes: object) -> dict[str, Any]:
    return {
        "name": f"Twilio {new_id()}",
        "channel": "SMS",
        "provider": "twilio",
        "configuration": {"sender": "+15005550006"},
        "credentials": {"accountSid": f"AC{'0' * 32}", "authToken": AUTH_TOKEN},
        **changes,
    }


async def make(iris: Iris, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    response = await iris.http.post("/v1/integrations", json=body, headers=headers)
    assert response.status_code == 201, response.text
    return response.json()["payload"]


async def change(iris: Iris, integration_id: str, **changes: object) -> dict[str, Any]:
    response = await iris.http.patch(f"/v1/integrations/{integration_id}", json=changes)
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def send(iris: Iris, integration_id: str, destination: str) -> httpx2.Response:
    return await iris.post(iris.request("sms", destination, integrationId=integration_id))


async def listed(iris: Iris, **query: str) -> list[str]:
    response = await iris.http.get("/v1/integrations", params={"limit": "200", **query})
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["payload"]["items"]]


class TestCreating:
    async def test_messages_go_through_what_was_created(self, iris: Iris) -> None:
        made = await make(iris, sandbox(iris))
        admitted = (await send(iris, made["id"], mobile())).json()["payload"]
        assert admitted["integration"]["integrationName"] == made["name"]
        await iris.until_status(admitted["id"], "COMPLETED")

    async def test_the_answer_is_what_is_read_with_the_webhooks_address_and_which_credentials_are_set(
        self, iris: Iris
    ) -> None:
        made = await make(iris, twilio(atLeastOnce=True))
        assert made["credentials"] == {
            "accountSid": True,
            "authToken": True,
            "previousAuthToken": False,
            "apiKeySid": False,
            "apiKeySecret": False,
            "sharedKeySecret": False,
        }
        assert made["configuration"] == {"sender": "+15005550006"}
        assert (made["atLeastOnce"], made["enabled"], made["deleted"]) == (True, True, None)
        assert made["webhookUrl"] == f"{iris.settings.public_url}/webhooks/twilio/{made['id']}"
        assert "message comes in" in made["setup"]
        read = await iris.http.get(f"/v1/integrations/{made['id']}")
        assert read.json()["payload"] == made

    async def test_credentials_are_stored_encrypted_and_are_in_no_answer(self, iris: Iris) -> None:
        made = await make(iris, twilio())
        stored = await Integration.get(made["id"])
        assert stored is not None
        assert AUTH_TOKEN not in repr(stored)
        assert Vault(iris.settings.vault_keys()).decrypt(stored.credentials)["authToken"] == AUTH_TOKEN
        for response in (
            await iris.http.get(f"/v1/integrations/{made['id']}"),
            await iris.http.get("/v1/integrations"),
            await iris.http.patch(f"/v1/integrations/{made['id']}", json={"credentials": {"authToken": [AUTH_TOKEN]}}),
            await iris.http.post("/v1/integrations", json=twilio(credentials={AUTH_TOKEN[:5]: AUTH_TOKEN})),
            await iris.http.delete(f"/v1/integrations/{made['id']}"),
        ):
            assert AUTH_TOKEN not in response.text

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"configuration": {"sender": "nobody at all"}}, [("configuration.sender", "invalid")]),
            ({"configuration": {}}, [("configuration", "invalid")]),
            (
                {"configuration": {"sender": "+15005550006", "messaging_service_sid": "MG1"}},
                [("configuration.messaging_service_sid", "unknown_field")],
            ),
            (
                {"configuration": {"sender": "IRIS", "validityPeriod": "60"}},
                [("configuration.validityPeriod", "wrong_type")],
            ),
            ({"configuration": ["sender"]}, [("configuration", "wrong_type")]),
            (
                {
                    "configuration": {"colour": "red", "sender": 5},
                    "credentials": {"accountSid": "AC1", "authToken": ""},
                },
                [
                    ("configuration.sender", "wrong_type"),
                    ("configuration.colour", "unknown_field"),
                    ("credentials.accountSid", "bad_pattern"),
                    ("credentials.authToken", "empty"),
                ],
            ),
            (
                {"credentials": {"accountSid": None}},
                [("credentials.accountSid", "missing"), ("credentials.authToken", "missing")],
            ),
            ({"channel": "Email"}, [("provider", "not_allowed")]),
            ({"channel": "Fax"}, [("channel", "not_allowed")]),
            ({"provider": "nobody"}, [("provider", "not_allowed")]),
            ({"name": ""}, [("name", "empty")]),
            ({"name": None, "enabled": 1}, [("name", "wrong_type"), ("enabled", "wrong_type")]),
            ({"tenant": "other"}, [("tenant", "unknown_field")]),
        ],
    )
    async def test_every_problem_names_its_field(
        self, iris: Iris, changes: dict[str, Any], expected: list[tuple[str, str]]
    ) -> None:
        assert reasons(await iris.http.post("/v1/integrations", json=twilio(**changes)), 422) == expected

    async def test_a_tenant_has_no_two_of_one_name_however_many_are_made_at_once(self, iris: Iris) -> None:
        body = sandbox(iris)
        answers = await asyncio.gather(*(iris.http.post("/v1/integrations", json=body) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert reasons(refused, 409) == [("name", "name_taken")]

    async def test_a_call_repeated_with_its_key_makes_one(self, iris: Iris) -> None:
        body, key = sandbox(iris), {"Idempotency-Key": new_id()}
        first, second = await make(iris, body, **key), await make(iris, body, **key)
        assert first == second
        other = sandbox(iris, credentials={"token": "another", "signingSecret": SIGNING_SECRET}, name=body["name"])
        repeated = await iris.http.post("/v1/integrations", json=other, headers=key)
        assert reasons(repeated, 422) == [("Idempotency-Key", "idempotency_key_reused")]


class TestChanging:
    async def test_credentials_and_configuration_are_changed_field_by_field_and_null_takes_one_away(
        self, iris: Iris
    ) -> None:
        made = await make(iris, twilio(configuration={"sender": "+15005550006", "validityPeriod": 60}))
        changed = await change(
            iris,
            made["id"],
            configuration={"validityPeriod": None, "messagingServiceSid": f"MG{'0' * 32}"},
            credentials={"previousAuthToken": "old-token"},
        )
        assert changed["configuration"] == {"sender": "+15005550006", "messagingServiceSid": f"MG{'0' * 32}"}
        assert changed["credentials"]["authToken"] is changed["credentials"]["previousAuthToken"] is True
        assert changed["updated"] > made["updated"]
        again = await change(iris, made["id"], credentials={"previousAuthToken": None})
        assert again["credentials"] == made["credentials"]

    async def test_a_change_must_fit_the_unchanged_fields(self, iris: Iris) -> None:
        made = await make(iris, twilio())
        path = f"/v1/integrations/{made['id']}"
        only_half = await iris.http.patch(path, json={"credentials": {"apiKeySid": f"SK{'0' * 32}"}})
        assert reasons(only_half, 422) == [("credentials", "invalid")]
        nobody = await iris.http.patch(path, json={"configuration": {"sender": None}})
        assert reasons(nobody, 422) == [("configuration", "invalid")]
        moved = await iris.http.patch(path, json={"channel": "WhatsApp"})
        assert reasons(moved, 422) == [("channel", "unknown_field")]
        assert (await iris.http.get(path)).json()["payload"] == made

    async def test_concurrent_changes_are_all_applied(self, iris: Iris) -> None:
        made = await make(iris, twilio())
        await asyncio.gather(
            change(iris, made["id"], credentials={"previousAuthToken": "a"}),
            change(iris, made["id"], credentials={"sharedKeySecret": "b"}),
            change(iris, made["id"], configuration={"validityPeriod": 60}),
            change(iris, made["id"], name=f"Renamed {made['id']}"),
        )
        seen = (await iris.http.get(f"/v1/integrations/{made['id']}")).json()["payload"]
        assert seen["credentials"]["previousAuthToken"] is seen["credentials"]["sharedKeySecret"] is True
        assert seen["configuration"]["validityPeriod"] == 60
        assert seen["name"] == f"Renamed {made['id']}"

    async def test_a_name_that_another_has_is_not_taken(self, iris: Iris) -> None:
        first, second = await make(iris, twilio()), await make(iris, twilio())
        response = await iris.http.patch(f"/v1/integrations/{second['id']}", json={"name": first["name"]})
        assert reasons(response, 409) == [("name", "name_taken")]

    async def test_new_credentials_count_at_once_where_they_were_changed(self, iris: Iris) -> None:
        made = await make(iris, sandbox(iris))
        body = Callback("sbx_nobody", "delivered", ABSENT_ID).body()
        assert (await post_webhook(iris, made["id"], body, signature(body))).status_code == 200
        await change(iris, made["id"], credentials={"signingSecret": "another secret"})
        assert (await post_webhook(iris, made["id"], body, signature(body))).status_code == 401
        signed = signature(body, secret="another secret")
        assert (await post_webhook(iris, made["id"], body, signed)).status_code == 200

    async def test_nothing_is_sent_through_a_disabled_one(self, iris: Iris) -> None:
        made = await make(iris, sandbox(iris))
        assert (await change(iris, made["id"], enabled=False))["enabled"] is False
        assert reasons(await send(iris, made["id"], mobile()), 409) == [("integrationId", "integration_disabled")]


class TestThrottling:
    async def test_a_throttle_is_set_replaced_and_removed(self, iris: Iris) -> None:
        given = {"rate": 0.5, "unit": "segment", "burst": 3, "perRecipient": {"rate": 1, "every": "PT6S"}}
        made = await make(iris, sandbox(iris, throttle=given))
        stored = await Integration.get(made["id"])
        assert stored is not None
        assert stored.throttle is not None
        assert made["throttle"] == stored.throttle.model_dump(by_alias=True) == given
        replaced = await change(iris, made["id"], throttle={"rate": 20})
        assert replaced["throttle"] == {"rate": 20, "unit": "message", "burst": 1, "perRecipient": None}
        assert (await change(iris, made["id"], name=f"SMS {new_id()}"))["throttle"] == replaced["throttle"]
        assert (await change(iris, made["id"], throttle=None))["throttle"] is None

    async def test_the_confirmation_of_opt_outs_is_set_and_restored(self, iris: Iris) -> None:
        given = {"when": "always", "texts": {"es": "Hecho. Responda ALTA para volver."}}
        made = await make(iris, sandbox(iris, optOutConfirmation=given))
        assert made["optOutConfirmation"] == given
        assert (await change(iris, made["id"], enabled=True))["optOutConfirmation"] == given
        restored = await change(iris, made["id"], optOutConfirmation=None)
        assert restored["optOutConfirmation"] == {"when": "unanswered", "texts": {}}
        wrong = {"optOutConfirmation": {"when": "sometimes", "texts": {"Spanish": "Hecho"}}}
        response = await iris.http.patch(f"/v1/integrations/{made['id']}", json=wrong)
        fields = {field for field, _ in reasons(response, 422)}
        assert "optOutConfirmation.when" in fields

    async def test_an_empty_throttle_is_that_of_the_provider(self, iris: Iris) -> None:
        made = await make(iris, twilio(throttle={}))
        assert made["throttle"] == {"rate": 1, "unit": "segment", "burst": 1, "perRecipient": None}

    @pytest.mark.parametrize(
        ("throttle", "changes", "field"),
        [
            ({"rate": 0}, {}, "throttle.rate"),
            ({"rate": 1e9}, {}, "throttle.rate"),
            ({"rate": "1"}, {}, "throttle.rate"),
            ({"rate": 1, "unit": "letter"}, {}, "throttle.unit"),
            ({"rate": 1, "unit": "segment"}, {"channel": "WhatsApp"}, "throttle.unit"),
            ({"perRecipient": {"rate": 1, "every": "P2D"}}, {}, "throttle.perRecipient.every"),
            ({"perRecipient": {"rate": 0, "every": "PT1S"}}, {}, "throttle.perRecipient.rate"),
            ({}, {}, "throttle"),
        ],
    )
    async def test_a_refused_throttle_names_its_field(
        self, iris: Iris, throttle: dict[str, Any], changes: dict[str, str], field: str
    ) -> None:
        response = await iris.http.post("/v1/integrations", json=sandbox(iris, throttle=throttle, **changes))
        assert [name for name, _ in reasons(response, 422)] == [field]


class TestDeleting:
    async def test_a_deleted_one_sends_nothing_and_is_found_nowhere_and_its_name_is_free(self, iris: Iris) -> None:
        made = await make(iris, sandbox(iris))
        path = f"/v1/integrations/{made['id']}"
        deleted = await iris.http.delete(path)
        assert (deleted.status_code, deleted.json()["payload"]["deleted"] is not None) == (200, True)
        assert reasons(await send(iris, made["id"], mobile()), 404) == [("integrationId", "integration_not_found")]
        for method, address in (("GET", path), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/test")):
            assert reasons(await iris.http.request(method, address, json={}), 404) == [("id", "not_found")]
        assert made["id"] not in await listed(iris)
        again = await make(iris, sandbox(iris, name=made["name"]))
        assert again["id"] != made["id"]

    async def test_its_interactions_stay_readable_and_receipts_that_still_come_are_taken(self, iris: Iris) -> None:
        made = await make(iris, sandbox(iris))
        admitted = (await send(iris, made["id"], SILENT)).json()["payload"]
        await iris.until_status(admitted["id"], "SENT")
        [message] = await iris.taken_by_gateway(admitted["id"])
        assert (await iris.http.delete(f"/v1/integrations/{made['id']}")).status_code == 200
        forged = Callback(message["id"], "delivered", admitted["id"]).body()
        refused = await post_webhook(iris, made["id"], forged, signature(forged, secret="another secret"))
        assert refused.status_code == 401
        await post_callback(iris, made["id"], Callback(message["id"], "delivered", admitted["id"]))
        seen = await iris.until_status(admitted["id"], "COMPLETED")
        assert seen["integration"]["integrationName"] == made["name"]

    async def test_mongodb_removes_it_with_its_credentials_after_thirty_days(self, iris: Iris) -> None:
        assert iris.demo.integrations
        indexes = await Integration.collection().index_information()
        (index,) = [index for index in indexes.values() if "expireAfterSeconds" in index]
        assert (index["key"], index["expireAfterSeconds"]) == ([("deleted", 1)], 30 * 24 * 60 * 60)


class TestTrying:
    async def test_the_provider_is_asked_about_the_credentials_as_they_are(self, iris: Iris) -> None:
        made = await make(iris, sandbox(iris))
        path = f"/v1/integrations/{made['id']}/test"
        good = await iris.http.post(path)
        assert good.json()["payload"] == {"checked": True, "ok": True, "reason": ""}
        await change(iris, made["id"], credentials={"token": "another"})
        bad = (await iris.http.post(path)).json()["payload"]
        assert (bad["checked"], bad["ok"], bad["reason"].partition(":")[0]) == (True, False, "unauthenticated")

    async def test_a_provider_that_does_not_answer_leaves_it_open(self, iris: Iris) -> None:
        made = await make(iris, sandbox(iris, configuration={"baseUrl": f"http://127.0.0.1:{free_port()}"}))
        seen = (await iris.http.post(f"/v1/integrations/{made['id']}/test")).json()["payload"]
        assert (seen["checked"], seen["ok"], seen["reason"].partition(":")[0]) == (False, None, "unreachable")

    async def test_a_provider_that_says_nothing_is_waited_for_so_long_and_no_longer(
        self, iris: Iris, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(integrations, "_CHECK_TIMEOUT_SECONDS", 0.2)
        silent = SilentProvider()
        async with silent.serving():
            made = await make(iris, sandbox(iris, configuration={"baseUrl": silent.url}))
            seen = (await iris.http.post(f"/v1/integrations/{made['id']}/test")).json()["payload"]
        assert (seen["checked"], seen["ok"]) == (False, None)
        assert "no respondió" in seen["reason"]

    async def test_an_internal_name_is_indistinguishable_from_an_unknown_one(
        self, iris: Iris, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loop = asyncio.get_running_loop()
        genuine = loop.getaddrinfo

        async def look_up(host: str, port: int, **options: int) -> object:
            if host == "absent.internal":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return await genuine("169.254.169.254" if host == "present.internal" else host, port, **options)

        monkeypatch.setattr(loop, "getaddrinfo", look_up)
        seen: list[dict[str, Any]] = []
        for name in ("present.internal", "absent.internal"):
            made = await make(iris, sandbox(iris, configuration={"baseUrl": f"http://{name}"}))
            seen.append((await iris.http.post(f"/v1/integrations/{made['id']}/test")).json()["payload"])
            webhook = {"Url": f"http://{name}/hook", "Subscriptions": ["*"]}
            assert (await iris.http.put(f"/v1/integrations/{made['id']}/webhook", json=webhook)).is_success
        assert seen[0] == seen[1]
        assert (seen[0]["checked"], seen[0]["ok"]) == (False, None)
        assert "IRIS_ALLOWED_NETWORKS" in seen[0]["reason"]


class TestListing:
    async def test_the_newest_come_first_a_page_at_a_time(self, iris: Iris) -> None:
        made = [(await make(iris, twilio()))["id"] for _ in range(3)]
        seen: list[str] = []
        query: dict[str, str] = {"limit": "2", "provider": "twilio"}
        while len(seen) < 3:
            payload = (await iris.http.get("/v1/integrations", params=query)).json()["payload"]
            seen += [item["id"] for item in payload["items"]]
            query["cursor"] = payload["nextCursor"]
        assert [it for it in seen if it in made] == made[::-1]

    async def test_each_filter_leaves_those_that_fit(self, iris: Iris) -> None:
        mine = await make(iris, sandbox(iris, channel="RCS", enabled=False))
        other = await make(iris, twilio())
        for query in ({"channel": "RCS"}, {"provider": "sandbox"}, {"enabled": "false"}, {"name": mine["name"]}):
            found = await listed(iris, **query)
            assert mine["id"] in found
            assert other["id"] not in found
        assert await listed(iris, name=mine["name"]) == [mine["id"]]
        for wrong in ({"channel": "Fax"}, {"enabled": "perhaps"}):
            response = await iris.http.get("/v1/integrations", params=wrong)
            assert [field for field, _ in reasons(response, 422)] == [next(iter(wrong))]

    async def test_every_filter_is_on_an_index(self, iris: Iris) -> None:
        everywhere = {"tenant": iris.demo.tenant, "deleted": None}
        for wanted in ({}, {"channel": "SMS"}, {"provider": "sandbox"}, {"enabled": True}, {"name": "SMS-1"}):
            found = Integration.collection().find({**everywhere, **wanted}).sort([("created", -1), ("_id", -1)])
            plan = json.dumps((await found.limit(51).explain())["queryPlanner"]["winningPlan"], default=str)
            assert "IXSCAN" in plan
            assert "COLLSCAN" not in plan


async def test_changes_are_in_the_audit_log_without_values(iris: Iris) -> None:
    made = await make(iris, twilio())
    await change(iris, made["id"], enabled=False, credentials={"previousAuthToken": AUTH_TOKEN})
    await iris.http.delete(f"/v1/integrations/{made['id']}")
    log = await iris.http.get("/v1/audit-log", params={"thingId": made["id"]})
    assert AUTH_TOKEN not in log.text
    deleted, changed, created = log.json()["payload"]["items"]
    assert (deleted["operation"], deleted["fields"]) == ("integration.deleted", [])
    assert (changed["operation"], changed["fields"]) == (
        "integration.changed",
        ["credentials.previousAuthToken", "enabled"],
    )
    assert created["operation"] == "integration.created"
    assert {"name", "configuration.sender", "credentials.authToken"} <= set(created["fields"])


@pytest.mark.parametrize("example", NEW_EXAMPLES.values(), ids=NEW_EXAMPLES)
async def test_the_documented_examples_work(iris: Iris, example: dict[str, Any]) -> None:
    await make(iris, {**example, "name": new_id()})


async def test_another_tenants_are_as_absent_as_none(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    made = await make(iris, sandbox(iris))
    for integration_id in (made["id"], ABSENT_ID):
        path = f"/v1/integrations/{integration_id}"
        for method, address in (("GET", path), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/test")):
            response = await stranger.request(method, address, json={"enabled": False})
            assert reasons(response, 404) == [("id", "not_found")]
    theirs = (await stranger.get("/v1/integrations", params={"limit": "200"})).json()["payload"]["items"]
    assert made["id"] not in [item["id"] for item in theirs]
    assert (await iris.http.get(f"/v1/integrations/{made['id']}")).json()["payload"] == made
