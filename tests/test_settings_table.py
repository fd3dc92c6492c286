"""docs/settings.md and .env.example agree with the settings."""

import pytest

from scripts.settings_table import EXAMPLE, GROUPS, PAGE, example, page, settings_of


def test_the_page_and_the_example_are_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m scripts.settings_table`"
    assert EXAMPLE.read_text() == example(), "run `python -m scripts.settings_table`"


@pytest.mark.parametrize("group", GROUPS)
def test_every_setting_is_described(group: str) -> None:
    assert [setting.variable for setting in settings_of(GROUPS[group]) if not setting.description] == []


def test_no_secret_of_development_is_on_the_page() -> None:
    assert "development-only" not in page()
    assert "ZGV2ZWxvcG1lbnQ" not in page() + example()
