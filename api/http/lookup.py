"""Resources that a request names: found, or answered by 404."""

from typing import TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession

from domain.access import Caller
from domain.errors import NotFoundError
from domain.problems import Problem
from models.base import Stored

Found = TypeVar("Found")
Resource = TypeVar("Resource", bound=Stored)


def or_404(found: Found | None, field: str = "id") -> Found:
    """What a lookup found.

    Raises:
        NotFoundError: if it found nothing; the error names the field that refers to it.
    """
    if found is None:
        raise NotFoundError([Problem(field=field, code="not_found")])
    return found


async def get_or_404(
    document: type[Resource],
    document_id: str,
    caller: Caller,
    *,
    field: str = "id",
    session: AsyncClientSession | None = None,
    **conditions: object,
) -> Resource:
    """Read a document of the caller's tenant that meets conditions on its fields.

    Raises:
        NotFoundError: if there is none; the error names the field that refers to it.
    """
    selector = {"_id": document_id, "tenant": caller.tenant, **conditions}
    return or_404(await document.find_one(selector, session=session), field)
