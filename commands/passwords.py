"""Where a command has a password from: never from its arguments, which others see and shells keep."""

from collections.abc import Sequence
from pathlib import Path

import typer

from commands.client import ERR, fail
from domain.problems import Language, Problem
from security.credential_encryption import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, new_password
from security.password_policy import weakness


def chosen_password(file: Path | None, *, generate: bool, personal: Sequence[str] = ()) -> str:
    """A password from a file, or made up, or asked for; ends the program if it will not do.

    One that is made up is shown by `show_generated`, once it is somebody's.

    Args:
        file: where it is.
        generate: whether it is made up.
        personal: words that others would try first, where the password is not judged by the API.
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
    """Show a password that was made up, this once; nothing if it was not."""
    if generate:
        ERR.print(f"password, which is not shown again: {password}", highlight=False, markup=False, soft_wrap=True)
