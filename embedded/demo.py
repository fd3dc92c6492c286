"""A tenant to try Iris with: an account, an API key, and one integration per channel through the sandbox."""

from dataclasses import dataclass
from typing import Final

from pymongo.errors import DuplicateKeyError

from domain.identifiers import derived_id
from domain.payloads import Channel
from models.access import Account, ApiKey, Tenant
from models.integration import Integration
from security import Vault, hash_api_key, hash_password

TENANT: Final = "demo"
EMAIL: Final = "demo@iris.example.com"

CHANNELS: Final = {
    "sms": Channel.SMS,
    "whatsapp": Channel.WHATSAPP,
    "rcs": Channel.RCS,
    "email": Channel.EMAIL,
    "messenger": Channel.MESSENGER,
}
"""The channels by the short names that `.iris/stack.json` and `iris send --channel` use."""


@dataclass(frozen=True, slots=True)
class DemoSecrets:
    """The secrets of the demo, made once by whoever starts it.

    Attributes:
        api_key: by which the demo's account calls.
        password: by which it logs in.
        sandbox_token: by which Iris calls the sandbox gateway.
        sandbox_signing_secret: by which the gateway signs its callbacks.
    """

    api_key: str
    password: str
    sandbox_token: str
    sandbox_signing_secret: str


@dataclass(frozen=True, slots=True)
class Demo:
    """What there is to try.

    Attributes:
        integrations: integration ids by the channel's short name.
    """

    tenant: str
    api_key: str
    integrations: dict[str, str]


async def seed_demo(vault: Vault, sandbox_url: str, secrets: DemoSecrets, tenant: str = TENANT) -> Demo:
    """Create what is missing of the demo, and point its integrations at the gateway where it is now.

    The database must be open (`bootstrap.mongodb`). However often it is called, there is one of everything.
    """
    await _insert_once(Tenant(id=derived_id("demo", tenant), name=tenant))
    account_id = derived_id("demo", tenant, "account")
    await _insert_once(
        Account(id=account_id, tenant=tenant, email=EMAIL, password_hash=hash_password(secrets.password))
    )
    key_hash = hash_api_key(secrets.api_key)
    key = ApiKey(
        id=derived_id("demo", tenant, key_hash), tenant=tenant, account_id=account_id, name="demo", key_hash=key_hash
    )
    await _insert_once(key)
    credentials = vault.seal({"token": secrets.sandbox_token, "signingSecret": secrets.sandbox_signing_secret})
    integrations = {
        short: await _integration(tenant, channel, sandbox_url, credentials) for short, channel in CHANNELS.items()
    }
    return Demo(tenant=tenant, api_key=secrets.api_key, integrations=integrations)


async def _insert_once(document: Tenant | Account | ApiKey | Integration) -> None:
    try:
        await document.insert()
    except DuplicateKeyError:
        return


async def _integration(tenant: str, channel: Channel, sandbox_url: str, credentials: str) -> str:
    integration_id = derived_id("demo", tenant, "integration", channel)
    await _insert_once(
        Integration(
            id=integration_id,
            tenant=tenant,
            name=f"{channel}-1",
            channel=channel,
            provider="sandbox",
            configuration={"baseUrl": sandbox_url},
            credentials=credentials,
        )
    )
    current = {"configuration": {"baseUrl": sandbox_url}, "credentials": credentials}
    await Integration.collection().update_one({"_id": integration_id}, {"$set": current})
    return integration_id
