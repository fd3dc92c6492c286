"""Fixtures of other tenants, shared with the API's tests."""

from tests.api.conftest import other_tenant, stranger, town

__all__ = ["other_tenant", "stranger", "town"]
