"""The database of the documents' tests, for the queries over them."""

from tests.models.conftest import database, tenant

__all__ = ("database", "tenant")
