"""Erasure of users: all personal data is removed from every document, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from beanie import Document
from temporalio.exceptions import ApplicationError

from activities.erasing import MongoErasures
from activities.interfaces import UserTask
from domain.clock import utc_now
from domain.identifiers import new_id
from models import DOCUMENTS
from models.erasure import erased_id
from models.interaction import Interaction
from models.notification import Notification
from models.process import Process
from models.user import Merge, User
from tests.activities.factories import World, run
from tests.activities.pii_canaries import NOTHING_OF_USERS, marked, where

SKELETON: Final = {
    Interaction: {
        *("id", "tenant", "registered_by", "sequence", "revision", "created", "updated", "author_id", "updater_id"),
        *("integration", "process_id", "user_ids", "direction", "status", "custom_status", "milestone", "policy"),
        *("category", "strategy"),
    },
    Notification: {
        *("id", "tenant", "integration_id", "interaction_id", "user_ids", "event", "position", "host"),
        *("created", "state", "round", "began", "next_attempt", "attempts", "redelivery", "is_unbegun"),
    },
    Process: {
        *("id", "tenant", "integration_ids", "user_ids", "group_id", "is_draft", "created"),
        *("last_direction", "last_interaction_id", "last_interaction_at"),
    },
    User: {"id", "tenant", "created"},
}
"""Fields of each document that stay unchanged; all others are emptied."""

NOT_FILLED: Final = {
    *("revision_id", "merge", "erasure", "erased_at", "is_closed", "order_default"),
    *("is_forced", "schedule", "hold", "wakes_at", "order", "predecessors", "waiters"),
    "person",  # only of a notification about a consent
}
"""Fields that are empty until the erasure, or always."""

Erase = Callable[[User], Awaitable[None]]


@pytest.fixture
def erase(erasures: MongoErasures) -> Erase:
    async def erased(user: User) -> None:
        task = UserTask(tenant=user.tenant, user_id=user.id, erasure_grace_period=timedelta())
        assert await run(erasures.reserve_erasure, task) == []
        for _ in range(2):
            await run(erasures.erase, task)
        await run(erasures.purge_derived_data, task)
        await run(erasures.complete_erasure, task)

    return erased


async def test_no_document_holds_personal_data_after_an_erasure(world: World, erase: Erase) -> None:
    made = await marked(world, f"3466{new_id()}")
    kinds = {type(document) for document in made.documents}
    assert kinds | NOTHING_OF_USERS == set(DOCUMENTS)
    assert await where(made.mark) == {
        *(kind.get_collection_name() for kind in kinds),
        *("attachment_contents.files", "attachment_contents.chunks"),
    }
    await erase(made.user)
    assert await where(made.mark) == set()


async def test_only_the_skeleton_of_each_document_stays(world: World, erase: Erase) -> None:
    made = await marked(world, f"3466{new_id()}")
    await erase(made.user)
    for document in (made.user, made.process, made.alone, made.notification):
        before, after = document.model_dump(), await stored(document)
        # A field that is added to a document is filled in `marked`, and is either erased or added to the skeleton.
        assert {name for name, value in before.items() if value in (None, [], {}, "", 0)} <= NOT_FILLED
        stays = {name for name, value in before.items() if value == after[name]}
        assert stays - NOT_FILLED == SKELETON[type(document)] - NOT_FILLED
    assert (await stored(made.process))["is_closed"] is True
    refused = await stored(made.refused)
    assert (refused["status"], refused["user_ids"]) == ("VALIDATION_ERROR", [made.user.id])
    for gone in (made.attachment, made.unmatched):
        assert await type(gone).get(gone.id) is None


async def test_an_interaction_with_another_user_keeps_its_content(world: World, erase: Erase) -> None:
    made = await marked(world, f"3466{new_id()}")
    await erase(made.user)
    before, after = made.of_several.model_dump(), await stored(made.of_several)
    changed = {name for name, value in before.items() if value != after[name]}
    assert changed == {"destinations", "due", "erased_at", "history", "provider_events", "provider_message_ids"}
    stays = made.of_several.destinations[1].value
    assert [one["value"] for one in after["destinations"]] == ["", stays]
    assert [received["event"]["destination"] for received in after["provider_events"]] == ["", stays, None]


@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at once"])
async def test_an_interaction_is_emptied_once_all_its_users_are_erased(
    world: World, erase: Erase, at_once: bool
) -> None:
    made = await marked(world, f"3466{new_id()}")
    process = await world.process(user_ids=[made.user.id, made.other.id], metadata={"said": made.said})
    if at_once:
        await asyncio.gather(erase(made.user), erase(made.other))
    else:
        await erase(made.user)
        assert await where(made.said) == {"interactions", "processes"}
        assert (await stored(process))["is_closed"] is False
        await erase(made.other)
    assert await where(made.said) == set()
    assert (await stored(process))["is_closed"] is True
    ids = (await stored(made.of_several))["provider_message_ids"]
    assert ids == [erased_id(made.mark)]


async def test_a_file_stays_until_the_last_interaction_with_it_is_erased(world: World, erase: Erase) -> None:
    made = await marked(world, f"3466{new_id()}")
    file = {"attachments": [made.attachment.id]}
    await Interaction.find_one({"_id": made.of_several.id}).update({"$set": file})
    await erase(made.user)
    assert await made.attachment.get(made.attachment.id) is not None
    assert await where(made.mark) == {
        *("attachments", "attachment_contents.files", "attachment_contents.chunks"),
    }
    await erase(made.other)
    assert await where(made.mark) == set()


async def test_data_of_users_merged_into_it_is_erased_too(world: World, erase: Erase) -> None:
    made = await marked(world, f"3466{new_id()}")
    merge = Merge(into=made.user.id, requested=utc_now(), completed=utc_now())
    merged = User(tenant=world.tenant, name="", merge=merge)
    await merged.insert()
    for interaction in (made.alone, made.of_several):
        changes = {"user_ids.0": merged.id, "destinations.0.user_id": merged.id}
        await Interaction.collection().update_one({"_id": interaction.id}, {"$set": changes})
    await erase(made.user)
    assert await where(made.mark) == set()


async def test_it_waits_for_sends_that_are_being_validated(world: World, erasures: MongoErasures) -> None:
    made = await marked(world, f"3466{new_id()}")
    task = UserTask(tenant=world.tenant, user_id=made.user.id, erasure_grace_period=timedelta())
    pending = {"$set": {"status": "VALIDATION_PENDING"}}
    await Interaction.collection().update_one({"_id": made.refused.id}, pending)
    await run(erasures.reserve_erasure, task)
    with pytest.raises(ApplicationError, match="still being validated"):
        await run(erasures.erase, task)
    refused = {"$set": {"status": "VALIDATION_ERROR"}}
    await Interaction.collection().update_one({"_id": made.refused.id}, refused)
    await run(erasures.erase, task)
    await run(erasures.purge_derived_data, task)
    await run(erasures.complete_erasure, task)
    assert await where(made.mark) == set()


async def stored(document: Document) -> dict[str, Any]:
    """Return a document as it is stored now."""
    found = await type(document).get(document.id)
    assert found is not None
    return found.model_dump()
