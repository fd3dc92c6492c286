"""Key rotation: re-encrypts stored credentials with the newest of `IRIS_ENCRYPTION_KEYS`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import getitem
from typing import Any, Final

from models.access import Account
from models.base import Stored
from models.integration import Integration
from security.credential_encryption import DecryptionError, Vault

SEALED: Final[Sequence[tuple[type[Stored], str]]] = (
    (Integration, "credentials"),
    (Integration, "fingerprint"),
    (Integration, "endpoint.secret"),
    (Integration, "endpoint.former_secret"),
    (Account, "fingerprint"),
)
"""Encrypted fields, with their documents."""


@dataclass(slots=True)
class KeyRotation:
    """Result of re-encrypting all stored credentials.

    Attributes:
        re_encrypted: how many were re-encrypted from an older key to the newest.
        current: how many were already encrypted with the newest key.
        undecryptable: fields that no key decrypts, such as `integrations/<id>.credentials`.
    """

    re_encrypted: int = 0
    current: int = 0
    undecryptable: list[str] = field(default_factory=list[str])


async def rotate_keys(vault: Vault) -> KeyRotation:
    """Re-encrypt with the newest key what an older key encrypted; fields changed concurrently are left as they are.

    It can be interrupted and repeated: fields encrypted with the newest key are skipped.
    """
    done = KeyRotation()
    for document, name in SEALED:
        await _reencrypt_field(vault, document, name, done)
    return done


async def _reencrypt_field(vault: Vault, document: type[Stored], name: str, done: KeyRotation) -> None:
    collection = document.collection()
    async for found in collection.find({name: {"$type": "string"}}, {name: True}):
        ciphertext: Any = reduce(getitem, name.split("."), found)
        if vault.is_newest(ciphertext):
            done.current += 1
            continue
        try:
            anew = vault.encrypt(vault.decrypt(ciphertext))
        except DecryptionError:
            done.undecryptable.append(f"{collection.name}/{found['_id']}.{name}")
            continue
        # A concurrent change encrypts with the newest key anyway.
        changed = await collection.update_one({"_id": found["_id"], name: ciphertext}, {"$set": {name: anew}})
        done.re_encrypted += changed.modified_count
