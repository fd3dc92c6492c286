"""A second tenant, as the API's own tests have it."""

from tests.api.conftest import other_tenant, stranger

__all__ = ["other_tenant", "stranger"]
