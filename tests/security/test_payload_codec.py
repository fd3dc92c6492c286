"""Payloads in Temporal: encrypted with the first key, decrypted with any, and authenticated."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload

from security.payload_codec import Encrypted, EncryptingCodec, UndecryptableError

OLD, NEW = (base64.urlsafe_b64encode(bytes([byte]) * 32).decode() for byte in (0xFB, 0x02))
MESSAGE = Payload(metadata={"encoding": b"json/plain"}, data=b'"Su cita es a las 10:00"')


async def encrypted(keys: str, payload: Payload = MESSAGE) -> Payload:
    (sealed,) = await EncryptingCodec.of(keys).encode([payload])
    return sealed


async def decrypted(keys: str, payload: Payload) -> Payload:
    (opened,) = await EncryptingCodec.of(keys).decode([payload])
    return opened


@given(st.lists(st.builds(Payload, metadata=st.dictionaries(st.text(), st.binary()), data=st.binary()), max_size=5))
async def test_payloads_come_back_as_they_were(payloads: list[Payload]) -> None:
    codec = EncryptingCodec.of(OLD)
    assert await codec.decode(await codec.encode(payloads)) == payloads


async def test_nothing_of_a_payload_can_be_read() -> None:
    sealed = (await encrypted(OLD)).SerializeToString()
    assert b"cita" not in sealed
    assert b"json" not in sealed


async def test_the_same_payload_is_never_encrypted_the_same_way_twice() -> None:
    assert await encrypted(OLD) != await encrypted(OLD)


async def test_the_first_key_encrypts_and_any_decrypts() -> None:
    assert await decrypted(f"{NEW}, {OLD}", await encrypted(OLD)) == MESSAGE
    assert await decrypted(NEW, await encrypted(f"{NEW},{OLD}")) == MESSAGE


async def test_payloads_from_before_encryption_are_still_read() -> None:
    assert await decrypted(NEW, MESSAGE) == MESSAGE


async def test_a_missing_key_is_named_by_its_id_and_not_printed() -> None:
    sealed = await encrypted(OLD)
    key_id = sealed.metadata["encryption-key-id"].decode()
    with pytest.raises(UndecryptableError, match=f"{key_id}.*IRIS_PAYLOAD_KEYS") as refused:
        await decrypted(NEW, sealed)
    assert OLD not in str(refused.value)
    assert NEW not in str(refused.value)


async def test_without_keys_the_error_names_the_missing_setting() -> None:
    with pytest.raises(UndecryptableError, match="IRIS_PAYLOAD_KEYS"):
        Encrypted().from_payload(await encrypted(OLD))


@pytest.mark.parametrize("place", [0, 11, 12, -1])
async def test_a_payload_that_was_tampered_with_is_not_believed(place: int) -> None:
    sealed = await encrypted(OLD)
    damaged = bytearray(sealed.data)
    damaged[place] ^= 1
    with pytest.raises(UndecryptableError, match="damaged"):
        await decrypted(OLD, Payload(metadata=sealed.metadata, data=bytes(damaged)))


@given(data=st.binary(max_size=40), key_id=st.binary(max_size=40))
async def test_malformed_encrypted_payloads_are_refused_with_an_error_text(data: bytes, key_id: bytes) -> None:
    ours = (await encrypted(OLD)).metadata["encryption-key-id"]
    for claimed in (key_id, ours):
        metadata = {"encoding": b"binary/encrypted", "encryption-key-id": claimed}
        with pytest.raises(UndecryptableError):
            await decrypted(OLD, Payload(metadata=metadata, data=data))


@pytest.mark.parametrize(
    "keys", ["", ",", f"{OLD},", "c2hvcnQ=", "no base64", "ключ", base64.b64encode(bytes(range(33))).decode()]
)
def test_malformed_keys_are_refused_and_not_printed(keys: str) -> None:
    with pytest.raises(ValueError, match="payload keys") as refused:
        EncryptingCodec.of(keys)
    assert not keys.strip(",") or keys not in str(refused.value)
