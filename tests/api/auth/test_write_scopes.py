"""Write-only callers see only id and status in answers, and no owner in conflicts."""

import math
from collections import Counter

from api.auth.visibility import NAMING_AN_OWNER
from domain.access import Operation
from domain.texts.problems import SENTENCES
from tests.api.http.test_every_route import Walk
from tests.api.resource_factories import Owner, owner_of_everything
from tests.api.support import mobile
from tests.iris import Iris
from tests.plain_http import plain_client

WRITES = [operation for operation in Operation if operation.endswith(":write")]


async def key_of(owner: Owner, *scopes: Operation) -> str:
    return (await owner.made("/v1/api-keys", {"name": "writes only", "scopes": scopes}))["key"]


async def test_no_route_shows_what_it_writes(iris: Iris) -> None:
    document = (await iris.http.get("/openapi.json")).json()
    owner = await owner_of_everything(iris, "writer")
    walk = [asked for asked in Walk(document, owner.ids, owner.ids) if not asked.route.startswith("GET")]
    # No request deletes the resource of a later one: sends create users, integrations have webhooks.
    walk.sort(key=lambda asked: asked.path.split("/")[2], reverse=True)
    walk.sort(key=lambda asked: len(asked.path) if asked.route.startswith("DELETE") else math.inf, reverse=True)
    headers = {"Authorization": f"Bearer {await key_of(owner, *WRITES)}"}
    answered_statuses: Counter[int] = Counter()
    async with plain_client(base_url=iris.http.base_url, headers=headers, timeout=30) as http:
        for asked in walk:
            status, answered = await asked.sent_by(http)
            answered_statuses[status] += 1
            assert owner.mark not in answered, asked
    assert answered_statuses[200] + answered_statuses[201] > len(walk) / 3
    await owner.http.aclose()


async def test_a_conflict_names_no_owner(iris: Iris) -> None:
    owner = await owner_of_everything(iris, "names")
    number = mobile()
    user = await owner.made("/v1/users", {"name": "Ana", "primaryKey": {"PhoneNumber": [number]}})
    headers = {"Authorization": f"Bearer {await key_of(owner, Operation.USERS_WRITE)}"}
    async with plain_client(base_url=iris.http.base_url, headers=headers, timeout=30) as http:
        body = {"name": "Eva", "primaryKey": {"PhoneNumber": [number]}}
        conflict = await http.post("/v1/users", json=body)
        assert conflict.status_code == 409
        assert user["id"] not in conflict.text
        changed = await http.patch(f"/v1/users/{user['id']}", json={})
        assert changed.json()["payload"] == {"id": user["id"]}
        other = await owner.made("/v1/users", {"name": "Eva", "primaryKey": {"PhoneNumber": [mobile()]}})
        added = {"kind": "PhoneNumber", "value": number}
        taken = await http.post(f"/v1/users/{other['id']}/destinations", json=added)
        assert (await http.post(f"/v1/users/{user['id']}/merge", json={"from": other["id"]})).status_code == 200
        merged = [await http.patch(f"/v1/users/{other['id']}", json={}), await http.delete(f"/v1/users/{other['id']}")]
        for conflict in (taken, *merged):
            assert conflict.status_code == 409, conflict.text
            assert user["id"] not in conflict.text
    assert user["id"] in (await owner.http.post("/v1/users", json=body)).text
    await owner.http.aclose()


def test_every_problem_that_names_a_user_is_known_to_do_so() -> None:
    naming = {code for code, forms in SENTENCES.items() if "{user}" in repr(forms)}
    assert naming == NAMING_AN_OWNER
