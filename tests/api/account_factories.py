"""Factories of accounts in a tenant of their own, with API clients."""

from dataclasses import dataclass
from typing import Any, Self

import httpx2

from domain.access import Operation, Role
from domain.identifiers import new_id
from models.access import Account, ApiKey, Tenant
from security.credential_encryption import hash_password, hash_secret, new_api_key
from tests.plain_http import plain_client

PASSWORD = "correct horse battery staple"
PASSWORD_HASH = hash_password(PASSWORD)


@dataclass(frozen=True)
class Person:
    """An account with its API client."""

    account: Account
    http: httpx2.AsyncClient

    @property
    def login(self) -> dict[str, str]:
        return {"tenant": self.account.tenant, "email": self.account.email, "password": PASSWORD}

    async def session(self) -> dict[str, Any]:
        """Log in and return the session's tokens."""
        response = await self.http.post("/v1/sessions", json=self.login, headers={"Authorization": ""})
        assert response.status_code == 201, response.text
        return response.json()["payload"]

    async def made(self, path: str, **body: object) -> dict[str, Any]:
        """Create a resource as this account and return it."""
        response = await self.http.post(path, json=body)
        assert response.status_code == 201, response.text
        return response.json()["payload"]


class Town:
    """A tenant for one test."""

    def __init__(self, url: str) -> None:
        self.tenant = f"town-{new_id()}"
        self._url = url
        self._clients: list[httpx2.AsyncClient] = []

    async def __aenter__(self) -> Self:
        await Tenant(name=self.tenant).insert()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.aclose()

    async def person(self, role: Role = Role.ADMIN, scopes: list[Operation] | None = None) -> Person:
        """Create an account that uses an API key."""
        email = f"{role}-{new_id()}@iris.example.com"
        account = Account(tenant=self.tenant, email=email, password_hash=PASSWORD_HASH, role=role)
        await account.insert()
        key = new_api_key()
        await ApiKey(
            tenant=self.tenant, account_id=account.id, name="test", key_hash=hash_secret(key), scopes=scopes
        ).insert()
        return Person(account, self.calling(key))

    def calling(self, token: str) -> httpx2.AsyncClient:
        """An HTTP client with a key or a token."""
        headers = {"Authorization": f"Bearer {token}"}
        client = plain_client(base_url=self._url, headers=headers, timeout=30)
        self._clients.append(client)
        return client

    async def status(self, token: str) -> int:
        """Status of a request for the caller's own account with a key or a token."""
        return (await self.calling(token).get("/v1/accounts/me")).status_code
