"""Password policy: easily guessed passwords are refused (NIST SP 800-63B §5.1.1.2)."""

from collections.abc import Sequence
from typing import Final

MIN_SCORE: Final = 3
"""Minimum zxcvbn score, "safely unguessable": more than 10⁸ guesses (https://github.com/dropbox/zxcvbn#usage)."""

MAX_ESTIMATED_CHARACTERS: Final = 72
"""Characters that zxcvbn estimates; more would take seconds, and make no password weaker."""

MIN_PERSONAL_CHARACTERS: Final = 4
"""Minimum length of a personal word; shorter ones occur in good passwords too."""

_COMMON: Final = (
    "iris",
    "contraseña",
    "contrasena",
    "clave",
    "secreto",
    "usuario",
    "administrador",
    "mensajes",
    "hola",
)
"""Common passwords that zxcvbn's English lists lack."""


def weakness(password: str, personal: Sequence[str]) -> str | None:
    """The problem code of an easily guessed password; None if the password is strong enough.

    Args:
        password: the password, of any length.
        personal: easily guessed words: the account's address, its tenant's name.
    """
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its lists take 10 MB and 0.25 s, which most processes never need

    words = [part for word in personal for part in (word, word.partition("@")[2], *word.replace("@", ".").split("."))]
    folded = password.casefold()
    if any(len(word) >= MIN_PERSONAL_CHARACTERS and word.casefold() in folded for word in _own(personal)):
        return "password_has_address"
    estimate = zxcvbn(password[:MAX_ESTIMATED_CHARACTERS], user_inputs=[*words, *_COMMON])
    return "password_too_common" if estimate["score"] < MIN_SCORE else None


def _own(personal: Sequence[str]) -> list[str]:
    """The addresses and their local parts."""
    return [part for word in personal if "@" in word for part in (word, word.partition("@")[0])]
