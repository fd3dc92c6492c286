"""Demo tenant: an account, an API key, and one integration per channel through the sandbox."""

from dataclasses import dataclass
from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict
from pymongo.errors import DuplicateKeyError

from bootstrap import mongodb
from domain.channels import Channel
from domain.identifiers import derived_id
from embedded.gateway.settings import Account as GatewayAccount
from models.access import Account, ApiKey, Tenant
from models.integration import Integration
from security.credential_encryption import Vault, hash_password, hash_secret
from settings import Settings
from support.environment import EnvironmentSettings

TENANT: Final = "demo"
EMAIL: Final = "demo@iris.example.com"

CHANNELS: Final = {
    "sms": Channel.SMS,
    "whatsapp": Channel.WHATSAPP,
    "rcs": Channel.RCS,
    "email": Channel.EMAIL,
    "messenger": Channel.MESSENGER,
}
"""Channels by their short names in `.iris/stack.json` and `iris send --channel`."""


class DemoSettings(EnvironmentSettings):
    """Settings of the demo, each an environment variable; the secrets are generated once by whoever starts it."""

    model_config = SettingsConfigDict(env_prefix="IRIS_", extra="ignore", frozen=True, hide_input_in_errors=True)

    demo_tenant: str = Field(default=TENANT, description="Name of the demo tenant.")
    demo_api_key: SecretStr = Field(min_length=20, description="API key of the demo's account.")
    demo_password: SecretStr = Field(min_length=8, description="Password of the demo's account.")
    sandbox_url: str = Field(default="http://127.0.0.1:8001", description="URL of the sandbox gateway for the worker.")
    sandbox_accounts: tuple[GatewayAccount, ...] = Field(
        min_length=1, description="Accounts of the gateway, as JSON; the demo's integrations use the first."
    )


@dataclass(frozen=True, slots=True)
class Demo:
    """The seeded demo.

    Attributes:
        integrations: integration ids by the channel's short name.
    """

    tenant: str
    api_key: str
    integrations: dict[str, str]


async def seed(settings: Settings, demo: DemoSettings) -> Demo:
    """Create the missing parts of the demo, and point its integrations at the gateway's current URL.

    It is idempotent.
    """
    async with mongodb(settings):
        return await seed_open_database(Vault(settings.vault_keys()), demo)


async def seed_open_database(vault: Vault, demo: DemoSettings) -> Demo:
    """Like `seed`, in the database that is already open."""
    tenant, api_key = demo.demo_tenant, demo.demo_api_key.get_secret_value()
    account_id = derived_id("demo", tenant, "account")
    key_hash = hash_secret(api_key)
    await _insert_once(Tenant(id=derived_id("demo", tenant), name=tenant))
    await _insert_once(
        Account(
            id=account_id,
            tenant=tenant,
            email=EMAIL,
            password_hash=hash_password(demo.demo_password.get_secret_value()),
        )
    )
    await _insert_once(
        ApiKey(
            id=derived_id("demo", tenant, key_hash),
            tenant=tenant,
            account_id=account_id,
            name="demo",
            key_hash=key_hash,
        )
    )
    account = demo.sandbox_accounts[0]
    credentials = vault.encrypt(
        {"token": account.token.get_secret_value(), "signingSecret": account.signing_secret.get_secret_value()}
    )
    integrations = {
        short: await _integration(tenant, channel, demo.sandbox_url, credentials) for short, channel in CHANNELS.items()
    }
    return Demo(tenant=tenant, api_key=api_key, integrations=integrations)


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
    await Integration.collection().update_one({"_id": integration_id}, {"$set": current, "$inc": {"version": 1}})
    return integration_id
