"""Everything that is sealed with `IRIS_ENCRYPTION_KEYS`, sealed anew with the newest of them."""

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
"""The fields that hold what `Vault.seal` made, by their documents."""


@dataclass(slots=True)
class KeyRotation:
    """What became of everything that is sealed.

    Attributes:
        resealed: how many were sealed with an older key, and are sealed with the newest now.
        current: how many were sealed with the newest already.
        unopened: those that no key opens, as `integrations/<id>.credentials`.
    """

    resealed: int = 0
    current: int = 0
    unopened: list[str] = field(default_factory=list[str])


async def rotate_keys(vault: Vault) -> KeyRotation:
    """Seal with the newest key whatever is sealed with an older one; what is changed meanwhile is left as it became.

    It may be broken off and repeated: what is sealed with the newest key is passed over.
    """
    done = KeyRotation()
    for document, name in SEALED:
        await _reseal_field(vault, document, name, done)
    return done


async def _reseal_field(vault: Vault, document: type[Stored], name: str, done: KeyRotation) -> None:
    collection = document.collection()
    async for found in collection.find({name: {"$type": "string"}}, {name: True}):
        sealed: Any = reduce(getitem, name.split("."), found)
        if vault.is_newest(sealed):
            done.current += 1
            continue
        try:
            anew = vault.seal(vault.open(sealed))
        except DecryptionError:
            done.unopened.append(f"{collection.name}/{found['_id']}.{name}")
            continue
        # Who changes it meanwhile seals it anew himself.
        changed = await collection.update_one({"_id": found["_id"], name: sealed}, {"$set": {name: anew}})
        done.resealed += changed.modified_count
