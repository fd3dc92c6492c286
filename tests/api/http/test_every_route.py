"""Every described route, called anonymously, by another tenant and by a reader: nothing leaks, nothing changes.

New routes are covered automatically. The ids in paths come from `tests/api/resource_factories.py`.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import bson
import httpx2
import pytest
from pydantic.alias_generators import to_camel

from models.access import Account
from tests.api.resource_factories import Owner, owner_of_everything, reader_of
from tests.iris import Iris
from tests.plain_http import plain_client

PUBLIC: Final = {
    "POST /user/login",
    "POST /v1/sessions",
    "POST /v1/sessions/refresh",
    "POST /webhooks/{provider}/{integration_id}",
    "GET /webhooks/{provider}/{integration_id}",
    "GET /files/{token}",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
}
"""Routes that need no API key: they have no tenant's data, or authenticate in another way."""

READ_BY_POST: Final = {
    "POST /conversation/interaction/{interaction_id}",
    "POST /v1/templates/{template_id}/render",
    "POST /v1/strategies/dry-run",
    "POST /v1/sending-rules/check",
}
"""Read routes that are not GET, which a reader may use."""

STATUS_ONLY: Final = {"provider", "token", "redelivery_id"}
"""Parameters of resources without data of the tenant; only the status is checked."""

NOT_A_CHANGE: Final = {"used"}
"""Fields that every use of a key changes."""


@dataclass(frozen=True)
class Asked:
    """One request to a route.

    Attributes:
        is_foreign: whether it names a resource of the other tenant.
    """

    route: str
    path: str
    query: dict[str, str]
    body: object
    is_foreign: bool

    async def sent_by(self, http: httpx2.AsyncClient) -> tuple[int, str]:
        """The status and the whole answer, or the first part of an endless stream."""
        content = {"content": self.body} if isinstance(self.body, bytes) else {"json": self.body}
        arguments: dict[str, Any] = {"params": self.query, **({} if self.body is None else content)}
        answered = b""
        async with http.stream(self.route.partition(" ")[0], self.path, **arguments) as response:
            is_endless = "event-stream" in response.headers.get("Content-Type", "")
            try:
                async with asyncio.timeout(0.3 if is_endless else 30):
                    async for chunk in response.aiter_bytes():
                        answered += chunk
            except TimeoutError:
                assert is_endless, self
        header = " ".join(f"{name}: {value}" for name, value in response.headers.items())
        return response.status_code, header + answered.decode(errors="replace")


class Walk:
    """Requests to every route of a description with a tenant's ids."""

    def __init__(self, document: dict[str, Any], ids: Mapping[str, str], own: Mapping[str, str]) -> None:
        """Use the foreign `ids` all together, and one at a time beside the caller's `own`."""
        self._paths = document["paths"]
        self._ids = {to_camel(name): value for name, value in ids.items()}
        self._own = {to_camel(name): value for name, value in own.items()}

    def __iter__(self) -> Iterator[Asked]:
        for path, item in self._paths.items():
            for method, operation in item.items():
                yield from self._requests(f"{method.upper()} {path}", path, operation)

    def _requests(self, route: str, path: str, operation: dict[str, Any]) -> Iterator[Asked]:
        in_path = [to_camel(name) for name in re.findall(r"{(\w+)[^}]*}", path)]
        for name in in_path:
            assert name in self._ids, (
                f"{route} names something by {name}: make one in tests/api/resource_factories.py, "
                f"in a maker of MAKERS that returns its id under that parameter's name"
            )
        filled = re.sub(r"{(\w+)[^}]*}", lambda found: self._ids[to_camel(found[1])], path)
        queries = [one for one in operation.get("parameters", []) if one["in"] == "query"]
        query = {one["name"]: "a" for one in queries if one.get("required")}
        named = {one["name"]: self._ids[one["name"]] for one in queries if one["name"] in self._ids}
        for body in self._bodies(operation):
            for asked in (query, *({**query, name: value} for name, value in named.items())):
                is_foreign = bool(in_path) or any(self._ids[name] in str(body) for name in self._known_in(body))
                yield Asked(route, filled, asked, body, is_foreign)

    def _bodies(self, operation: dict[str, Any]) -> Iterator[object]:
        content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
        if not content:
            yield None
        elif "application/json" not in content:
            yield b"a"
        else:
            # One example for each set of fields and ids: another payload makes no difference.
            values: list[dict[str, Any]] = [one["value"] for one in content["application/json"]["examples"].values()]
            alike = {(frozenset(value), frozenset(self._known_in(value))): value for value in reversed(values)}
            for (_, named), value in alike.items():
                yield _naming(value, self._ids)
                for name in sorted(named):
                    yield _naming(value, {**self._own, name: self._ids[name]})

    def _known_in(self, body: object) -> set[str]:
        return _named_in(body) & self._ids.keys()


def _names_in(routes: Iterable[str]) -> set[str]:
    """The parameter names of routes."""
    return {name for route in routes for name in re.findall(r"{(\w+)[^}]*}", route)}


def _singular(name: str) -> str:
    """The name of one item of a list, such as of `attachmentsId`, though not of `processId`."""
    return re.sub("(?<!s)sId$", "Id", name)


def _naming(value: object, ids: Mapping[str, str], name: str = "") -> object:
    """A body with its ids replaced."""
    match value:
        case dict():
            return {key: _naming(one, ids, key) for key, one in cast("dict[str, object]", value).items()}
        case list():
            return [_naming(one, ids, name) for one in cast("list[object]", value)]
        case _:
            return ids.get(_singular(name), value) if name.endswith("Id") else value


def _named_in(value: object) -> set[str]:
    """The names of the ids in a body."""
    match value:
        case dict():
            fields = cast("dict[str, object]", value)
            here = {_singular(key) for key in fields if key.endswith("Id")}
            return here.union(*(_named_in(one) for one in fields.values()))
        case list():
            return set[str]().union(*(_named_in(one) for one in cast("list[object]", value)))
        case _:
            return set()


async def contents_of(owner: Owner) -> dict[str, str]:
    """Hashes of all documents of the tenant, by location."""
    database = Account.collection().database
    name, mark = owner.demo.tenant.encode(), owner.mark.encode()
    found: dict[str, str] = {}
    for collection in await database.list_collection_names():
        async for document in database[collection].find():
            stored = bson.encode({field: value for field, value in document.items() if field not in NOT_A_CHANGE})
            if name in stored or mark in stored:
                found[f"{collection} {document['_id']}"] = hashlib.sha256(stored).hexdigest()
    return found


@dataclass(frozen=True)
class Stage:
    """A tenant with all resources, and another tenant without access."""

    iris: Iris
    document: dict[str, Any]
    owner: Owner
    other: Owner

    def routes(self, ids: Mapping[str, str] | None = None) -> Walk:
        return Walk(self.document, self.owner.ids, ids or self.owner.ids)

    def calling(self, token: str) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        base_url = self.iris.http.base_url
        return plain_client(base_url=base_url, headers=headers, timeout=30)

    def shows_owner(self, answered: str) -> bool:
        """Whether an answer contains data of the owner."""
        return self.owner.demo.tenant in answered or self.owner.mark in answered


@pytest.fixture(scope="module")
async def stage(iris: Iris) -> AsyncIterator[Stage]:
    document = (await iris.http.get("/openapi.json")).json()
    owner, other = [await owner_of_everything(iris, name) for name in ("owner", "other")]
    yield Stage(iris, document, owner, other)
    for one in (owner, other):
        await one.http.aclose()


async def test_the_owner_sees_its_own_data(stage: Stage) -> None:
    """Guards the tests below, which would pass trivially if there were no data."""
    async with stage.calling(stage.owner.demo.api_key) as http:
        reads = [asked for asked in stage.routes() if asked.route.startswith("GET") and asked.is_foreign]
        shown = {asked.route for asked in reads if stage.shows_owner((await asked.sent_by(http))[1])}
    assert _names_in({asked.route for asked in reads}) - _names_in(shown) == STATUS_ONLY
    stored = {place.partition(" ")[0] for place in await contents_of(stage.owner)}
    assert stored >= {"accounts", "api_keys", "interactions", "integrations", "users", "processes", "templates"}


async def test_anonymous_callers_see_and_change_nothing(stage: Stage) -> None:
    before = await contents_of(stage.owner)
    async with stage.calling("") as http:
        for asked in stage.routes():
            status, answered = await asked.sent_by(http)
            assert not stage.shows_owner(answered), asked
            assert status < 500, asked
            assert (status == 401) or asked.route in PUBLIC, (
                f"{asked.route} answers {status} without a key: if that is meant, say so in PUBLIC; "
                f"else it lacks `caller: Annotated[Caller, allowed(Operation.…)]`"
            )
    assert await contents_of(stage.owner) == before


async def test_another_tenant_sees_and_changes_nothing(stage: Stage) -> None:
    before = await contents_of(stage.owner)
    async with stage.calling(stage.other.demo.api_key) as http:
        for asked in stage.routes(stage.other.ids):
            status, answered = await asked.sent_by(http)
            assert not stage.shows_owner(answered), asked
            assert status < 500, asked
            if asked.is_foreign:
                assert status >= 400, f"{asked} is answered {status}, though what it names is another tenant's"
    assert await contents_of(stage.owner) == before


async def test_a_reader_changes_nothing(stage: Stage) -> None:
    key = await reader_of(stage.owner)
    before = await contents_of(stage.owner)
    async with stage.calling(key) as http:
        for asked in stage.routes():
            status, _ = await asked.sent_by(http)
            assert status < 500, asked
            if not asked.route.startswith("GET") and asked.route not in PUBLIC | READ_BY_POST:
                assert status == 403, f"{asked.route} answers a reader {status}: does it only read? See READ_BY_POST"
    assert await contents_of(stage.owner) == before
