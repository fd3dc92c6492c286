"""`python -m bench.lists`: API latency of listing interactions by each filter, and the index used."""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any, Final

import httpx2
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from api.schemas.interaction_lists import InteractionListQuery
from bench.dataset import Dataset, integration
from bench.deployment import api_alone
from domain.clock import to_wire, utc_now
from domain.identifiers import derived_id
from models.interaction import Interaction
from queries.search import search

OUT: Final = Console(width=180, highlight=False)
AT_ONCE: Final = 2_000
"""Documents per insertion."""

PROMISED: Final = 50
"""Maximum p95 latency in milliseconds on an idle machine."""

LIMIT: Final = 50
TENANTS: Final = 4


def main(
    number: Annotated[int, typer.Option(min=1_000, help="How many interactions, of several tenants.")] = 100_000,
    requests: Annotated[int, typer.Option(min=20, help="How many requests for each filter.")] = 100,
    report: Annotated[Path | None, typer.Option(help="Write the measurements here too, as JSON.")] = None,
) -> None:
    """Insert interactions, and list them through the API by every filter, one request at a time."""
    rows = uvloop.run(_measure(number, requests))
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, justify="left" if column in {"filter", "index"} else "right")
    for row in rows:
        table.add_row(*(f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    OUT.print(table)
    slowest = max(float(row["p95 ms"]) for row in rows)
    OUT.print(f"{number} interactions; the slowest p95 is {slowest:.1f} ms, {PROMISED} are promised")
    if report is not None:
        report.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


async def _measure(number: int, requests: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="iris-bench-") as directory:
        async with api_alone(Path(directory)) as (demo, url):
            tenants = [demo.tenant, *(f"tenant-{position}" for position in range(1, TENANTS))]
            crowd = Dataset(tenants, number).documents()
            while documents := list(islice(crowd, AT_ONCE)):
                await Interaction.collection().insert_many(documents, ordered=False)
            headers = {"Authorization": f"Bearer {demo.api_key}"}
            async with httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
                return [
                    await _measured(http, demo.tenant, name, filters, requests)
                    for name, filters in _filters(demo.tenant).items()
                ]


def _filters(tenant: str) -> Mapping[str, Mapping[str, str | Sequence[str]]]:
    """Every filter, and common combinations."""
    sms, rare = integration(tenant, 0).integration_id, integration(tenant, 5).integration_id
    user, process = derived_id("user", tenant, "7"), derived_id("process", tenant, "7")
    month = {"since": to_wire(utc_now() - timedelta(days=60)), "until": to_wire(utc_now() - timedelta(days=30))}
    return {
        "nothing": {},
        "dates": month,
        "status": {"status": "COMPLETED"},
        "rare status": {"status": "PROVIDER_SENDING_ERROR"},
        "statuses": {"status": ["VALIDATION_ERROR", "PROVIDER_SENDING_ERROR", "PROCESS_ERROR"]},
        "direction in": {"direction": "in"},
        "direction out": {"direction": "out"},
        "customStatus": {"customStatus": "read"},
        "rare customStatus": {"customStatus": "cancelled"},
        "customStatus that is none": {"customStatus": "nonsense"},
        "customStatus of a status": {"customStatus": "cancelled", "status": "PROVIDER_SENDING_ERROR"},
        "channel": {"channel": "WhatsApp"},
        "rare channel": {"channel": "FacebookMessenger"},
        "provider": {"provider": "south"},
        "integration": {"integrationId": sms},
        "rare integration": {"integrationId": rare},
        "integration and status": {"integrationId": sms, "status": "COMPLETED"},
        "integration and failure": {"integrationId": sms, "status": "PROCESS_ERROR"},
        "channel and rare status": {"channel": "Email", "status": "VALIDATION_ERROR"},
        "process": {"processId": process},
        "user": {"userId": user},
        "user and status": {"userId": user, "status": "COMPLETED"},
        "destination": {"destination": "+34 600 000 007"},
        "common word": {"text": "código"},
        "rare word": {"text": "retirada"},
        "two words": {"text": "Nombre7 cita"},
        "word and dates": {"text": "pedido", **month},
        "word that is none": {"text": "inexistente"},
        "resendOf": {"resendOf": process},
    }


async def _measured(
    http: httpx2.AsyncClient, tenant: str, name: str, filters: Mapping[str, str | Sequence[str]], requests: int
) -> dict[str, Any]:
    """Latency of a list for its caller, and MongoDB's work for it."""
    seconds: list[float] = []
    shown = 0
    for _ in range(requests):
        begun = time.perf_counter()
        response = await http.get("/v1/interactions", params={**filters, "limit": str(LIMIT)})
        seconds.append(time.perf_counter() - begun)
        shown = len(response.raise_for_status().json()["payload"]["items"])
    percentiles = quantiles(seconds, n=100)
    return {
        "filter": name,
        "shown": shown,
        "p50 ms": percentiles[49] * 1_000,
        "p95 ms": percentiles[94] * 1_000,
        **await _explained(tenant, filters),
    }


async def _explained(tenant: str, filters: Mapping[str, str | Sequence[str]]) -> dict[str, Any]:
    """The index of the page's query, and the number of keys and documents examined."""
    status = filters.get("status", [])
    asked = {**filters, "status": [status] if isinstance(status, str) else status}
    reading = await search(InteractionListQuery.model_validate(asked).to_filter(tenant))
    if reading is None:
        return {"index": "none", "keys": 0, "documents": 0}
    explanation = await reading.find(LIMIT + 1, await reading.scan_limit() if reading.besides else None).explain()
    run = explanation["executionStats"]
    return {
        "index": ", ".join(name for name, _ in reading.index),
        "keys": run["totalKeysExamined"],
        "documents": run["totalDocsExamined"],
    }


if __name__ == "__main__":
    typer.run(main)
