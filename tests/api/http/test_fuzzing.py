"""Fuzzing with a valid key, within the description and beyond: no internal faults, and valid answers.

schemathesis generates the requests from the running API's description, so that new routes are covered automatically.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from tests.api.resource_factories import owner_of_everything
from tests.iris import Iris

Operation = Any
"""An operation of schemathesis, whose types are generic over its own."""

_GENERAL: Final = cast("Any", checks)
_OF_DESCRIPTIONS: Final = cast("Any", openapi_checks)
_CHECKS: Final = [_GENERAL.not_a_server_error, _OF_DESCRIPTIONS.response_schema_conformance]

_ANYWHERE: Final = {404, 405, 414, 431}
"""Statuses for malformed paths and headers, which no route describes."""

_TRIES: Final = 2
"""Attempts per operation and mode; together they take about ten seconds."""


@pytest.mark.timeout(300)
async def test_whatever_is_asked_no_answer_is_a_fault_and_all_fit_their_schema(iris: Iris) -> None:
    document = (await iris.http.get("/openapi.json")).json()
    fuzzed = await owner_of_everything(iris, "fuzzed")
    url, key = iris.settings.public_url, fuzzed.demo.api_key
    await fuzzed.http.aclose()
    faults = await asyncio.to_thread(lambda: [*_faults(document, url, key, fuzzed.ids)])
    assert faults == []


def _faults(document: dict[str, Any], url: str, key: str, known: Mapping[str, str]) -> Iterator[str]:
    """The wrong answers of every operation."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        session.trust_env = False
        described: Any = schemathesis.openapi.from_dict(document)
        for found in described.get_all_operations():
            operation: Operation = found.ok()
            if _is_endless(operation):
                continue
            for mode in GenerationMode:
                if mode is GenerationMode.NEGATIVE and _takes_anything(operation):
                    continue
                fault = _fault(operation, mode, url, session, known)
                if fault is not None:
                    yield f"{operation.label}, {mode.value}: {fault}"


def _fault(
    operation: Operation, mode: GenerationMode, url: str, session: requests.Session, known: Mapping[str, str]
) -> str | None:
    reads = operation.method.upper() == "GET" and mode is GenerationMode.POSITIVE
    ids = {one.name: known[one.name] for one in operation.path_parameters if one.name in known} if reads else None

    @settings(
        max_examples=_TRIES,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=ids or None))
    def holds(case: Any) -> None:  # noqa: ANN401 - as its operation
        response = case.call(base_url=url, session=session, timeout=60)
        further = [] if response.status_code in _ANYWHERE else [_OF_DESCRIPTIONS.status_code_conformance]
        case.validate_response(response, checks=[*_CHECKS, *further])

    try:
        holds()
    except Unsatisfiable:
        return None if mode is GenerationMode.NEGATIVE else "nothing that fits the description could be made"
    except BaseExceptionGroup as error:
        return "; ".join(f"{type(one).__name__} {one}"[:600] for one in error.exceptions)
    return None


def _is_endless(operation: Operation) -> bool:
    """Whether its answer is an endless stream."""
    answers = operation.definition.raw["responses"].values()
    return any("text/event-stream" in answer.get("content", {}) for answer in answers)


def _takes_anything(operation: Operation) -> bool:
    """Whether it accepts any request, so that schemathesis would search long for an invalid one."""
    described = operation.definition.raw
    parameters = described.get("parameters", [])
    is_any_text = all(one["in"] == "path" and one["schema"].keys() <= {"type", "title"} for one in parameters)
    return is_any_text and "requestBody" not in described and "security" not in described
