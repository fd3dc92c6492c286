"""JSON schemas of the providers' settings."""

from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from providers import PROVIDERS
from providers.forms import form_of
from providers.provider_settings import ProviderSettings
from tests.providers.fake_provider import FakeProvider
from tests.providers.fake_providers import FAKE_PROVIDERS

SETTINGS = [
    settings for provider in PROVIDERS.values() for settings in (provider.configuration_type, provider.credentials_type)
]
each_form = pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.__name__)


def fields_of(settings: type[ProviderSettings]) -> dict[str, dict[str, Any]]:
    return cast("dict[str, dict[str, Any]]", form_of(settings)["properties"])


def wrong(settings: type[ProviderSettings], value: object) -> list[str]:
    validator: Any = Draft202012Validator(form_of(settings))
    return [error.message for error in validator.iter_errors(value)]


@each_form
def test_a_form_is_a_json_schema_of_its_own_that_takes_no_other_fields(settings: type[ProviderSettings]) -> None:
    form = form_of(settings)
    Draft202012Validator.check_schema(form)
    assert "$ref" not in str(form)
    assert form["description"]
    assert wrong(settings, {"colour": "red"})


@each_form
def test_every_field_has_a_title_a_description_a_type_and_where_it_is_asked_for_an_example(
    settings: type[ProviderSettings],
) -> None:
    required = cast("list[str]", form_of(settings)["required"])
    for name, field in fields_of(settings).items():
        assert field["title"], name
        assert field["description"], name
        assert field["type"] in {"string", "integer", "number", "boolean"}, name
        for example in field.get("examples", []):
            assert not [message for message in wrong(settings, {name: example}) if "required" not in message], name
        assert name not in required or {"examples", "enum", "writeOnly"} & field.keys(), name


@pytest.mark.parametrize("fake_provider", FAKE_PROVIDERS, ids=lambda fake_provider: fake_provider.label())
def test_a_form_takes_what_the_provider_takes(fake_provider: type[FakeProvider]) -> None:
    idle = fake_provider()
    assert wrong(fake_provider.provider.configuration_type, idle.configuration()) == []
    assert wrong(fake_provider.provider.credentials_type, idle.credentials()) == []


@pytest.mark.parametrize("fake_provider", FAKE_PROVIDERS, ids=lambda fake_provider: fake_provider.label())
def test_every_secret_is_write_only(fake_provider: type[FakeProvider]) -> None:
    idle = fake_provider()
    fields = fields_of(fake_provider.provider.credentials_type)
    secret = [name for name, value in idle.credentials().items() if value in idle.secrets()]
    assert secret
    for name in secret:
        assert (fields[name]["writeOnly"], fields[name]["format"]) == (True, "password")


def test_choices_and_defaults_stand_in_their_place() -> None:
    security = fields_of(PROVIDERS["smtp"].configuration_type)["security"]
    assert (security["enum"], security["default"]) == (["starttls", "tls", "none"], "starttls")
    ttl = fields_of(PROVIDERS["vonage"].configuration_type)["ttl"]
    assert (ttl["type"], ttl["minimum"], "default" in ttl) == ("integer", 20, False)
