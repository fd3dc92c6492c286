"""Recorded bodies of Vonage, composed from its documentation; each file names its source."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

RECORDED: Final = Path(__file__).parents[1] / "recorded" / "vonage"
CALLBACK_URL: Final = "https://iris.example/webhooks/vonage/685bc5d05a72ed2a5f8d0e42"

Case = Mapping[str, Any]


def recorded(name: str) -> list[Case]:
    return json.loads((RECORDED / f"{name}.json").read_text())[name]


def every(name: str) -> pytest.MarkDecorator:
    """Each recorded case of a file."""
    return pytest.mark.parametrize("case", recorded(name), ids=lambda case: f"{case.get('channel', '')} {case['name']}")
