"""Passwords for commands: never from arguments, which other users see and shells record."""

from collections.abc import Sequence
from pathlib import Path

import typer

from cli.client import ERR, fail
from domain.problems import Language, Problem
from security.credential_encryption import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, new_password
from security.password_policy import weakness


def chosen_password(file: Path | None, *, generate: bool, personal: Sequence[str] = ()) -> str:
    """Read a password from a file or the terminal, or generate one; end the program if it is not acceptable.

    `show_generated` prints a generated one, once its account exists.

    Args:
        file: the file with the password.
        generate: whether to generate one.
        personal: words that an attacker would try first, where the API does not check the password.
    """
    if file is not None and generate:
        fail("--password-file and --generate exclude each other", 2)
    if generate:
        return new_password()
    if file is not None:
        try:
            password = file.read_text().rstrip("\r\n")
        except (OSError, ValueError) as error:
            fail(f"--password-file: {error}", 2)
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        fail(f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters", 2)
    code = weakness(password, personal) if personal else None
    if code is not None:
        fail(Problem(field="", code=code).message(Language.ENGLISH), 2)
    return password


def show_generated(password: str, *, generate: bool) -> None:
    """Print a generated password once; do nothing if it was not generated."""
    if generate:
        ERR.print(f"password, which is not shown again: {password}", highlight=False, markup=False, soft_wrap=True)
