"""Other tenants, as the API's own tests have them."""

from tests.api.conftest import other_tenant, stranger, town

__all__ = ["other_tenant", "stranger", "town"]
