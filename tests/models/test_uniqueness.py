"""Constraints that the database itself enforces, also under concurrency."""

import asyncio

import pytest
from pymongo.errors import DuplicateKeyError

from domain.channels import Channel
from domain.destinations import DestinationKind
from domain.identifiers import new_id
from models.access import Account, ApiKey
from models.integration import Integration
from models.user import OwnedDestination, User

PHONE = OwnedDestination(kind=DestinationKind.PHONE_NUMBER, value="34638766068")
OTHER = OwnedDestination(kind=DestinationKind.PHONE_NUMBER, value="34638766069")
EMAIL = OwnedDestination(kind=DestinationKind.EMAIL, value="usuario@dominio.com")


async def insert_user(tenant: str, *destinations: OwnedDestination) -> User:
    user = User(tenant=tenant, name="Sergio", destinations=list(destinations))
    await user.insert()
    return user


async def test_a_destination_has_one_owner_in_a_tenant(tenant: str) -> None:
    await insert_user(tenant, PHONE)
    with pytest.raises(DuplicateKeyError):
        await insert_user(tenant, EMAIL, PHONE)


async def test_of_many_owners_at_once_the_database_takes_one(tenant: str) -> None:
    found = await asyncio.gather(*(insert_user(tenant, PHONE) for _ in range(20)), return_exceptions=True)
    assert [isinstance(one, DuplicateKeyError) for one in found].count(False) == 1


async def test_two_tenants_may_have_the_same_destination(tenant: str) -> None:
    one, other = await insert_user(tenant, PHONE), await insert_user(f"{tenant}-other", PHONE)
    assert [user.id for user in await User.owning(tenant, [PHONE])] == [one.id]
    assert [user.id for user in await User.owning(other.tenant, [PHONE])] == [other.id]


async def test_the_same_text_of_another_kind_is_another_destination(tenant: str) -> None:
    await insert_user(tenant, PHONE)
    await insert_user(tenant, OwnedDestination(kind=DestinationKind.PAGE_SCOPED_ID, value=PHONE.value))
    assert len(await User.owning(tenant, [PHONE])) == 1


async def test_users_without_destinations_do_not_collide(tenant: str) -> None:
    await insert_user(tenant)
    await insert_user(tenant)
    assert await User.find({"tenant": tenant}).count() == 2


async def test_users_are_found_by_any_of_the_destinations_oldest_first(tenant: str) -> None:
    one, other = await insert_user(tenant, PHONE, EMAIL), await insert_user(tenant, OTHER)
    assert [user.id for user in await User.owning(tenant, [OTHER, EMAIL])] == [one.id, other.id]


async def test_users_are_found_by_their_ids_in_the_order_asked_for(tenant: str) -> None:
    one, other = await insert_user(tenant, PHONE), await insert_user(tenant, OTHER)
    stranger = await insert_user(f"{tenant}-other", PHONE)
    found = await User.having_ids(tenant, [other.id, stranger.id, one.id])
    assert [user.id for user in found] == [other.id, one.id]


async def test_a_user_shows_its_destinations_by_kind(tenant: str) -> None:
    user = await insert_user(tenant, PHONE, EMAIL, OTHER)
    assert user.view().primary_key == {"PhoneNumber": [PHONE.value, OTHER.value], "Email": [EMAIL.value]}


async def test_an_integration_is_named_once_in_a_tenant(tenant: str) -> None:
    def integration(owner: str) -> Integration:
        return Integration(
            tenant=owner, name="SMS-1", channel=Channel.SMS, provider="sandbox", configuration={}, credentials=""
        )

    await integration(tenant).insert()
    await integration(f"{tenant}-other").insert()
    with pytest.raises(DuplicateKeyError):
        await integration(tenant).insert()


async def test_an_address_logs_in_to_a_tenant_once(tenant: str) -> None:
    await Account(tenant=tenant, email="a@correo.es", password_hash="").insert()
    with pytest.raises(DuplicateKeyError):
        await Account(tenant=tenant, email="a@correo.es", password_hash="").insert()


async def test_an_api_key_belongs_to_one_account() -> None:
    key_hash = new_id()
    await ApiKey(tenant="a", account_id=new_id(), name="a", key_hash=key_hash).insert()
    with pytest.raises(DuplicateKeyError):
        await ApiKey(tenant="b", account_id=new_id(), name="b", key_hash=key_hash).insert()
