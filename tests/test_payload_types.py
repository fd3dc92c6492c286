"""The page of payload types agrees with the models."""

from domain.payloads import PAYLOADS
from scripts.payload_types import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `.venv/bin/python scripts/payload_types.py`"


def test_every_type_of_every_channel_is_on_it_with_all_its_fields() -> None:
    sections = page().split("\n## ")
    for channel, payloads in PAYLOADS.items():
        [section] = [one for one in sections if one.startswith(f"{channel}\n")]
        for payload in payloads.values():
            part = section.partition(f"### `{payload.wire_type}`")[2]
            assert all(f"| `{name}` |" in part for name in payload.wire_names())
