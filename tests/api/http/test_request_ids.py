"""Request ids, in and out."""

import logging

import pytest

from support.logs import JsonFormatter
from tests.api.support import ABSENT_ID, spoilt_interaction
from tests.iris import Iris

NAME = "X-Request-Id"


async def test_every_answer_has_an_id_and_no_two_the_same(iris: Iris) -> None:
    answers = [await iris.http.get(path) for path in ("/health/live", "/nowhere", f"/v1/interactions/{ABSENT_ID}")]
    ids = {answer.headers[NAME] for answer in answers}
    assert len(ids) == 3
    assert all(len(one) == 24 for one in ids)


async def test_the_callers_own_is_answered(iris: Iris) -> None:
    given = "7f3e-42:a/B_c=@.x"
    assert (await iris.http.get("/health/live", headers={NAME: given})).headers[NAME] == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "<script>", "ñ".encode()])
async def test_an_unprintable_one_is_replaced(iris: Iris, given: str | bytes) -> None:
    answered = (await iris.http.get("/health/live", headers=[(NAME.encode(), _bytes(given))])).headers[NAME]
    assert answered not in {given, ""}


async def test_it_is_in_what_is_logged_of_the_request_with_the_tenant(
    iris: Iris, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(JsonFormatter())
    async with spoilt_interaction(iris) as interaction_id:
        with caplog.at_level(logging.ERROR, "iris.api"):
            await iris.http.get(f"/v1/interactions/{interaction_id}", headers={NAME: "asked-1"})
    assert '"request_id": "asked-1"' in caplog.text
    assert f'"tenant": "{iris.demo.tenant}"' in caplog.text


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
