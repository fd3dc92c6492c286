"""Test cases of the providers' wire formats: inputs and expected results.

They are data: each `*.json` in this folder is a list of cases, which `tests/providers/test_cases.py` and whoever else
adds a way of running them take by their `how`:

- `parse`: a webhook with this `body` (JSON; a text is a form at Twilio, raw JSON elsewhere) → `expected.events`
  (exactly these, in order), `expected.contains` (at least these), `expected.unreadable` (how many items are kept as
  unreadable); of an event, only the fields that are named are compared
- `answer`: what the provider answers to a send, with this `status` and `body` → `expected.outcome`
- `send`: the payload of a send → `expected.admission`, the field that the refusal names
- `segments`: an SMS text → `expected.encoding` and `expected.parts`
- `api`: steps in words, which a test in `tests/product/test_identities.py` takes, by the case's name
- `mail`, `destination`: as the modules that run them say
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        how: the way in which it is run.
        content: all its fields.
    """

    name: str
    kind: str
    provider: str
    how: str
    content: Mapping[str, Any]

    @property
    def body(self) -> Any:  # noqa: ANN401 - whatever JSON the case has
        """Input of the case."""
        return self.content["body"]

    @property
    def expected(self) -> Mapping[str, Any]:
        """Expected result."""
        return self.content["expected"]

    def label(self) -> str:
        """Id of its test."""
        return f"{self.provider}-{self.name}"


def _of(content: Mapping[str, Any]) -> Case:
    return Case(content["name"], content["kind"], content["provider"], content["how"], content)


CASES: Final = tuple(
    _of(content) for path in sorted(Path(__file__).parent.glob("*.json")) for content in json.loads(path.read_text())
)


def every_case(how: str, *providers: str) -> pytest.MarkDecorator:
    """Each case that is run in a way, of some providers or of all."""
    chosen = [case for case in CASES if case.how == how and (not providers or case.provider in providers)]
    return pytest.mark.parametrize("case", chosen, ids=Case.label)
