"""Refused passwords, with the reason in both languages."""

import pytest

from domain.problems import Language, Problem
from security.credential_encryption import new_password
from security.password_policy import weakness

ADDRESS = "ana.garcia@clinica.example"
TENANT = "Clínica Sol"


@pytest.mark.parametrize(
    "password",
    [
        " " * 12,
        "password1234",
        "123456789012",
        "aaaaaaaaaaaa",
        "abcdefghijkl",
        "qwertyuiop12",
        "p4ssw0rdp4ssw0rd",
        "contraseña12",
        "madridmadrid",
        "realmadrid1902",
        "clinica.example",
        "iris-iris-iris",
        "a" * 1024,
    ],
)
def test_an_easily_guessed_password_is_refused(password: str) -> None:
    assert weakness(password, [ADDRESS, TENANT]) == "password_too_common"


@pytest.mark.parametrize("password", [ADDRESS, ADDRESS.upper() * 2, f"x9-{ADDRESS}-k2", "Ana.Garcia: 7 leguas"])
def test_the_address_is_refused(password: str) -> None:
    assert weakness(password, [ADDRESS, TENANT]) == "password_has_address"


@pytest.mark.parametrize("password", ["correct horse battery", "siete leguas de río", "xK9#mQ2$vL5!"])
def test_a_strong_password_is_accepted(password: str) -> None:
    assert weakness(password, [ADDRESS, TENANT, "a@b.example"]) is None


def test_a_generated_password_is_taken() -> None:
    assert weakness(new_password(), [ADDRESS, TENANT]) is None


@pytest.mark.parametrize("code", ["password_too_common", "password_has_address"])
def test_the_reason_is_in_both_languages(code: str) -> None:
    problem = Problem(field="password", code=code)
    assert problem.message(Language.SPANISH).startswith("La contraseña ")
    assert problem.message(Language.ENGLISH).startswith("The password ")
