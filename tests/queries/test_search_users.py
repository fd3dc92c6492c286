"""Search of users: an index answers every query."""

from typing import Any

import pytest

from domain.destinations import DestinationKind
from models.user import OwnedDestination, Sought, User, owns
from tests.queries.plans import plan

PHONE = OwnedDestination(kind=DestinationKind.PHONE_NUMBER, value="34638766068")


@pytest.fixture
async def crowd(tenant: str) -> str:
    """A tenant with many users, one of whom matches."""
    users = [User(tenant=tenant, name=f"Ana {number}", metadata={"number": number}) for number in range(500)]
    await User.insert_many(
        [*users, User(tenant=tenant, name="José Peña", destinations=[PHONE], metadata={"vip": True})]
    )
    return tenant


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "PENA"},
        {"destinations": [[PHONE]]},
        {"destinations": [[PHONE, PHONE.model_copy(update={"kind": DestinationKind.PAGE_SCOPED_ID})]]},
        {"metadata": {"vip": "true"}},
        {"name": "jose p", "metadata": {"vip": "true"}, "destinations": [[PHONE]]},
    ],
    ids=str,
)
async def test_of_many_users_the_one_is_found_by_an_index_that_leads_to_it(crowd: str, asked: dict[str, Any]) -> None:
    sought = Sought(tenant=crowd, **asked)
    [found] = (await sought.found({}, 51)).items
    assert found.name == "José Peña"
    stages, examined = await plan(User, sought.selector({}))
    assert "IXSCAN" in stages
    assert "COLLSCAN" not in stages
    assert examined == 1


async def test_a_list_of_all_is_read_along_an_index_and_not_sorted(crowd: str) -> None:
    stages, examined = await plan(User, Sought(tenant=crowd).selector({}))
    assert stages.isdisjoint({"COLLSCAN", "SORT"})
    assert examined <= 51


async def test_the_owner_of_a_destination_is_found_by_the_index_that_holds_it_unique(crowd: str) -> None:
    assert await plan(User, {"tenant": crowd, "$or": [owns(PHONE)]}) == ({"FETCH", "IXSCAN", "SORT"}, 1)
    [owner] = await User.owning(crowd, [PHONE])
    assert owner.name == "José Peña"
