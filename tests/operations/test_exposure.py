"""In development, with published secrets, the API listens on loopback only."""

import asyncio
import os
from asyncio.subprocess import PIPE

import pytest
from cryptography.fernet import Fernet

from embedded.iris_processes import IRIS
from operations.exposure import exposure_problem
from settings import Settings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - where the API must not listen
OWN_SECRETS = {"jwt_secret": "own-secret-" * 4, "encryption_keys": Fernet.generate_key().decode()}
PRODUCTION = {**OWN_SECRETS, "environment": "production", "payload_keys": Fernet.generate_key().decode()}


def settings(**values: str) -> Settings:
    return Settings.model_validate(values)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_development_listens_on_loopback(host: str) -> None:
    assert exposure_problem(settings(), host) is None


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "", "10.0.0.1", "iris.example", "127.0.0.1.iris.example"])
@pytest.mark.parametrize("own", [{}, OWN_SECRETS])
def test_development_listens_nowhere_else(host: str, own: dict[str, str]) -> None:
    problem = exposure_problem(settings(**own), host)
    assert problem is not None
    assert "IRIS_ENVIRONMENT" in problem
    assert exposure_problem(settings(**PRODUCTION), host) is None


def test_published_secrets_are_not_served_through_a_proxy() -> None:
    public = "https://iris.example.com"
    assert exposure_problem(settings(public_url=public), "127.0.0.1") is not None
    assert exposure_problem(settings(public_url=public, **OWN_SECRETS), "127.0.0.1") is None
    assert exposure_problem(settings(public_url="http://localhost:8000"), "127.0.0.1") is None


async def test_the_api_refuses_to_start_in_one_line() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IRIS_")}
    process = await asyncio.create_subprocess_exec(
        *IRIS, "api", "--host", EVERYWHERE, env=environment, stdout=PIPE, stderr=PIPE
    )
    _, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    [line] = complaint.decode().splitlines()
    assert "IRIS_ENVIRONMENT" in line
