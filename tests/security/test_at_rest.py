"""Secrets at rest: encrypted credentials and irreversible hashes."""

import subprocess
import sys

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from api.auth.passwords import ABSENT_PASSWORD_HASH
from security.credential_encryption import (
    API_KEY_PREFIX,
    DecryptionError,
    Vault,
    hash_password,
    hash_secret,
    new_api_key,
    password_matches,
)

OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))
CREDENTIALS: dict[str, JsonValue] = {"accountSid": "AC1", "authToken": "s3cr3t-ñ", "port": 587, "tls": True}

json_objects = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()))


@given(json_objects)
def test_encrypted_credentials_are_decrypted_unchanged(credentials: dict[str, JsonValue]) -> None:
    vault = Vault([NEW])
    assert vault.decrypt(vault.encrypt(credentials)) == credentials


def test_a_ciphertext_shows_nothing_and_is_never_the_same() -> None:
    vault = Vault([NEW])
    one, other = vault.encrypt(CREDENTIALS), vault.encrypt(CREDENTIALS)
    assert one != other
    assert "s3cr3t" not in one
    assert "authToken" not in one


def test_an_old_key_still_decrypts_and_the_newest_encrypts() -> None:
    sealed_before = Vault([OLD]).encrypt(CREDENTIALS)
    rotated = Vault([NEW, OLD])
    assert rotated.decrypt(sealed_before) == CREDENTIALS
    assert Vault([NEW]).decrypt(rotated.encrypt(CREDENTIALS)) == CREDENTIALS


@pytest.mark.parametrize("ciphertext", ["", "no", "ñ", "\x00", Vault([FOREIGN]).encrypt(CREDENTIALS)])
def test_a_ciphertext_of_no_configured_key_is_not_decrypted(ciphertext: str) -> None:
    with pytest.raises(DecryptionError) as refused:
        Vault([NEW, OLD]).decrypt(ciphertext)
    assert "s3cr3t" not in str(refused.value)


def test_a_modified_ciphertext_is_not_decrypted() -> None:
    ciphertext = Vault([NEW]).encrypt(CREDENTIALS)
    changed = ciphertext[:40] + ("A" if ciphertext[40] != "A" else "B") + ciphertext[41:]
    with pytest.raises(DecryptionError):
        Vault([NEW]).decrypt(changed)


@pytest.mark.parametrize("keys", [[], [""], ["short"], [NEW, "short"]])
def test_a_vault_without_proper_keys_is_refused(keys: list[str]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Vault(keys)


def test_an_api_key_is_known_by_its_hash_alone() -> None:
    one, other = new_api_key(), new_api_key()
    assert one != other
    assert one.startswith(API_KEY_PREFIX)
    assert len(one) >= len(API_KEY_PREFIX) + 43
    assert hash_secret(one) == hash_secret(one)
    assert hash_secret(one) != hash_secret(other)
    assert one not in hash_secret(one)


def test_a_password_matches_its_own_hash_only() -> None:
    hashed = hash_password("correct horse")
    assert password_matches(hashed, "correct horse")
    assert not password_matches(hashed, "correct horse ")
    assert "correct horse" not in hashed
    assert hashed.startswith("$argon2id$")


@pytest.mark.parametrize("password_hash", ["", "plain", "$argon2id$broken"])
def test_a_broken_hash_matches_nothing(password_hash: str) -> None:
    assert not password_matches(password_hash, password_hash)


def test_nobody_logs_in_to_an_account_that_does_not_exist() -> None:
    assert not password_matches(ABSENT_PASSWORD_HASH, "")


def test_an_account_that_does_not_exist_costs_as_much_as_a_wrong_password_and_as_the_standard_recommends() -> None:
    """The second recommended option of RFC 9106, section 4. In a process of its own: the tests' hashes at less cost.

    The hash is valid, so that it is computed; a malformed one would be refused at once.
    """
    hashes = "from api.auth.passwords import ABSENT_PASSWORD_HASH as absent; "
    hashing = "from security.credential_encryption import hash_password; "
    program = f"{hashes}{hashing}print(hash_password('correct horse'), absent)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    for password_hash in printed.stdout.split():
        costs = extract_parameters(password_hash)
        assert (costs.time_cost, costs.memory_cost, costs.parallelism) == (3, 65_536, 4)
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(ABSENT_PASSWORD_HASH, "correct horse")
