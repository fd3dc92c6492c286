"""A run on Temporal's time-skipping server takes the time that its dry run says."""

from datetime import datetime, timedelta
from typing import Any

from tests.iris import running_iris
from tests.product.runs import ended, send, step
from tests.time_skipping import time_skipping_server

SILENT = "34600000010"
CLOSE = timedelta(seconds=1)


def starts(run: dict[str, Any]) -> list[datetime]:
    return [datetime.fromisoformat(one["started"]) for one in run["steps"]]


async def test_the_timeline_of_a_dry_run_is_that_of_the_run(mongodb_uri: str, database_name: str) -> None:
    async with time_skipping_server() as environment:
        address = environment.client.service_client.config.target_host
        async with running_iris(mongodb_uri, address, f"{database_name}_rehearsed") as iris:
            steps = [
                step(iris, "whatsapp", deadline="PT2M"),
                step(iris, "sms", deadline="PT10M"),
                step(iris, "messenger", "1000000000000010", deadline="PT1H"),
            ]
            rehearsal = {"strategy": {"steps": steps}, "Destinations": [SILENT]}
            response = await iris.http.post("/v1/strategies/dry-run", json=rehearsal)
            assert response.status_code == 200, response.text
            expected = response.json()["payload"]["timeline"]
            sent = await send(iris, *steps, Destinations=[SILENT])
            await environment.sleep(timedelta(hours=2))
            run = await ended(iris, sent)
    planned = [timedelta(seconds=one["afterSeconds"]) for one in expected["moments"] if one["reason"]]
    begins = starts(run)[0]
    assert len(planned) == len(steps)
    for real, plan in zip(starts(run), planned, strict=True):
        assert abs(real - begins - plan) < CLOSE
    over = timedelta(seconds=expected["moments"][-1]["afterSeconds"])
    assert abs(datetime.fromisoformat(run["ended"]) - begins - over) < CLOSE
    assert run["outcome"] == expected["outcome"] == "unconfirmed"
