"""Stored strategies and dry runs over the API."""

from typing import Any

import pytest

from domain.identifiers import new_id
from tests.api.support import SILENT, mobile, reasons
from tests.iris import Iris
from tests.product.runs import ended, step

CODE = {"name": "codigo", "type": "text", "required": True, "example": "123456"}


def body(iris: Iris, **changes: object) -> dict[str, Any]:
    text = {"Type": "simple-text", "Text": "Su código es {{codigo}}"}
    steps = [step(iris, "whatsapp", payLoad=text), step(iris, "sms", payLoad=text)]
    return {"name": new_id(), "variables": [CODE], "steps": steps, **changes}


async def stored(iris: Iris, **changes: object) -> dict[str, Any]:
    response = await iris.http.post("/v1/strategies", json=body(iris, **changes))
    assert response.status_code == 201, response.text
    return response.json()["payload"]


async def test_a_stored_strategy_is_sent_by_its_id_with_the_values_of_its_variables(iris: Iris) -> None:
    strategy = await stored(iris, category="authentication")
    choice = {"id": strategy["id"], "variables": {"codigo": "4711"}}
    response = await iris.post({"strategy": choice, "Destinations": ["34600000001"]})
    sent = response.json()["payload"]
    assert (sent["payload"]["Text"], sent["category"]) == ("Su código es 4711", "authentication")
    assert sent["strategy"]["name"] == strategy["name"]
    run = await ended(iris, sent)
    assert (run["strategyId"], run["version"], run["outcome"]) == (strategy["id"], 1, "succeeded")
    listed = await iris.http.get("/v1/strategy-runs", params={"strategy": strategy["id"], "outcome": "succeeded"})
    assert [one["id"] for one in listed.json()["payload"]["items"]] == [run["id"]]


async def test_every_change_is_a_new_version_and_the_earlier_ones_can_be_sent(iris: Iris) -> None:
    strategy = await stored(iris)
    path = f"/v1/strategies/{strategy['id']}"
    changed = await iris.http.patch(path, json={"name": f"{strategy['name']}-2"})
    assert changed.json()["payload"]["version"] == 2
    versions = await iris.http.get(f"{path}/versions")
    assert [one["version"] for one in versions.json()["payload"]["items"]] == [2, 1]
    choice = {"id": strategy["id"], "version": 1, "variables": {"codigo": "1"}}
    sent = await iris.post({"strategy": choice, "Destinations": ["34600000001"]})
    assert sent.json()["payload"]["strategy"]["name"] == strategy["name"]
    assert (await iris.http.delete(path)).status_code == 200
    again = await iris.post({"strategy": {"id": strategy["id"]}, "Destinations": ["34600000001"]})
    assert reasons(again, 404) == [("strategy.id", "strategy_not_found")]


async def test_a_strategy_is_stored_only_if_its_steps_work_with_the_examples(iris: Iris) -> None:
    unknown = {"Type": "simple-text", "Text": "{{nadie}}"}
    response = await iris.http.post("/v1/strategies", json=body(iris, steps=[step(iris, payLoad=unknown)] * 2))
    assert {code for _, code in reasons(response, 422)} == {"undeclared_variable"}
    steps = [step(iris, successStatus="read"), step(iris, deadline=None)]
    response = await iris.http.post("/v1/strategies", json=body(iris, steps=steps, variables=[]))
    assert reasons(response, 422) == [("steps[0].successStatus", "success_never_reported")]


@pytest.mark.parametrize(
    ("strategy", "problem"),
    [
        ({"steps": []}, ("strategy.steps", "too_few_steps")),
        ({"id": "0" * 24}, ("strategy.id", "strategy_not_found")),
        ({"variables": {"a": "b"}}, ("strategy.id", "missing")),
    ],
)
async def test_a_choice_without_steps_is_refused(
    iris: Iris, strategy: dict[str, Any], problem: tuple[str, str]
) -> None:
    response = await iris.post({"strategy": strategy, "Destinations": ["34600000001"]})
    assert reasons(response, response.status_code) == [problem]


async def test_fields_of_a_plain_send_are_refused_with_a_strategy(iris: Iris) -> None:
    request = iris.request("sms", "34600000001", strategy={"steps": [step(iris), step(iris)]})
    assert reasons(await iris.post(request), 422) == [
        ("integrationId", "not_with_strategy"),
        ("payLoad", "not_with_strategy"),
    ]


async def test_a_dry_run_shows_when_and_why_each_step_starts(iris: Iris) -> None:
    rehearsal = {
        "strategy": {"steps": [step(iris, "whatsapp", deadline="PT2M"), step(iris, "sms", deadline="PT1H")]},
        "Destinations": [mobile()],
        "assume": [{"step": 2, "outcome": "delivered", "after": "PT10S"}],
    }
    response = await iris.http.post("/v1/strategies/dry-run", json=rehearsal)
    assert response.status_code == 200, response.text
    payload = response.json()["payload"]
    moments = payload["timeline"]["moments"]
    assert [(one["step"], one["afterSeconds"], one["reason"]) for one in moments if one["reason"]] == [
        (1, 0, "first"),
        (2, 120, "deadline"),
    ]
    assert (moments[-1]["afterSeconds"], moments[-1]["outcome"]) == (130, "succeeded")
    assert {name: one["outcome"] for name, one in payload["cases"].items()} == {
        "best": "succeeded",
        "silent": "unconfirmed",
        "failing": "failed",
    }
    assert [(one["overlap"], one["segments"]) for one in payload["steps"]] == [("possible", None), ("none", 1)]


async def test_a_dry_run_has_the_problems_of_a_send_and_of_its_assumptions(iris: Iris) -> None:
    steps = [step(iris, deadline="PT1S"), step(iris)]
    response = await iris.http.post(
        "/v1/strategies/dry-run", json={"strategy": {"steps": steps}, "Destinations": [SILENT]}
    )
    assert reasons(response, 422) == [("strategy.steps[0].deadline", "deadline_out_of_range")]
    assume = [{"step": 3, "outcome": "failed"}, {"step": 1, "outcome": "failed", "after": "soon"}]
    steps = [step(iris), step(iris)]
    response = await iris.http.post(
        "/v1/strategies/dry-run", json={"strategy": {"steps": steps}, "Destinations": [SILENT], "assume": assume}
    )
    assert reasons(response, 422) == [("assume[0].step", "step_skipped"), ("assume[1].after", "bad_duration")]
