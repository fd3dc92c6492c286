"""Documents are bound to their collections once per process, and repeatedly in the tests."""

import asyncio

from bootstrap import bind_documents
from models.base import Stored
from models.interaction import Interaction


async def test_while_documents_are_bound_anew_they_are_bound_at_every_moment() -> None:
    binding = asyncio.create_task(bind_documents(Interaction.collection().database))
    moments = 0
    while not binding.done():
        for document in Stored.__subclasses__():
            assert document.collection().name == document.get_settings().name, document
        await asyncio.sleep(0)
        moments += 1
    await binding
    assert moments > 1
