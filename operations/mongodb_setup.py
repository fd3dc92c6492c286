"""Prepares an empty MongoDB server: a replica set of one member, an administrator, and the user that Iris connects as.

The server runs with `--keyFile`, and so requires authentication. While it has no user, a client on its own machine may
create the first one (https://www.mongodb.com/docs/manual/core/localhost-exception/), so this runs there: in
docker-compose, in the network of the MongoDB container (`docs/decisions/0042`).
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import pymongo
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from embedded.processes import until
from support.environment import EnvironmentSettings

ROOT: Final = "root"
"""The administrator's name."""

LOOPBACK: Final = "127.0.0.1"
SETUP_TIMEOUT_SECONDS: Final = 60.0
UNAUTHORIZED: Final = 13
AUTHENTICATION_FAILED: Final = 18
ALREADY_INITIALIZED: Final = 23
USER_EXISTS: Final = 51003

Client = AsyncMongoClient[dict[str, Any]]


class WrongRootPasswordError(PyMongoError):
    """MongoDB already has users, and rejects the administrator's password."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Target state that a URI describes.

    Attributes:
        member: host:port of the server, as clients know it.
        port: where the server listens, on the loopback interface too.
        replica_set: the replica set's name.
        user, password: credentials of Iris.
        users: the authentication database of that user.
    """

    member: str
    port: int
    replica_set: str
    user: str
    password: str
    users: str

    @classmethod
    def of(cls, uri: str) -> Self:
        """Parse a URI.

        Raises:
            ValueError: if it names no replica set, or no user with a password.
        """
        named = parse_uri(uri)
        host, port = named["nodelist"][0]
        replica_set = named["options"].get("replicaSet")
        if not (replica_set and named["username"] and named["password"]):
            raise ValueError("it must have the form mongodb://user:password@host:port/?replicaSet=name")
        users = named["options"].get("authSource") or named["database"] or "admin"
        return cls(f"{host}:{port}", port, replica_set, named["username"], named["password"], users)


class MongodbSetupSettings(EnvironmentSettings):
    """Target state, from environment variables or secret files."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    mongodb_uri: SecretStr = Field(
        validation_alias="MONGODB_URI",
        description=(
            "URI of MongoDB as the Iris processes have it: its user, password, `replicaSet` and first host are created."
        ),
    )
    mongodb_root_password: SecretStr = Field(
        validation_alias="MONGODB_ROOT_PASSWORD", min_length=16, description="Password of the administrator."
    )
    mongodb_database: str = Field(
        default="iris",
        validation_alias="IRIS_MONGODB_DATABASE",
        description="The only database that the user of Iris may use.",
    )

    @field_validator("mongodb_uri")
    @classmethod
    def _says_what_is_needed(cls, uri: SecretStr) -> SecretStr:
        _Wanted.of(uri.get_secret_value())
        return uri


async def prepare_mongodb(settings: MongodbSetupSettings) -> None:
    """Form the replica set and create both users, where they are missing; the Iris user gets the URI's password.

    Raises:
        WrongRootPasswordError: if the administrator exists with another password.
        pymongo.errors.PyMongoError: if MongoDB does not answer within a minute, or rejects a command.
    """
    wanted = _Wanted.of(settings.mongodb_uri.get_secret_value())
    root_password = settings.mongodb_root_password.get_secret_value()
    with pymongo.timeout(SETUP_TIMEOUT_SECONDS):
        async with _client(wanted.port) as anonymous:
            await _form_replica_set(anonymous, wanted)
            await _create_root(anonymous, root_password)
        async with _client(wanted.port, ROOT, root_password) as root:
            await _create_user(root, wanted, settings.mongodb_database)


def _client(port: int, username: str | None = None, password: str | None = None) -> Client:
    return AsyncMongoClient(LOOPBACK, port, directConnection=True, username=username, password=password)


async def _form_replica_set(anonymous: Client, wanted: _Wanted) -> None:
    config = {"_id": wanted.replica_set, "members": [{"_id": 0, "host": wanted.member}]}
    await _unless(anonymous, {"replSetInitiate": config}, ALREADY_INITIALIZED, UNAUTHORIZED)

    async def is_writable() -> bool:
        return bool((await anonymous.admin.command("hello")).get("isWritablePrimary"))

    await until(is_writable)


async def _create_root(anonymous: Client, password: str) -> None:
    # Once there is a user, MongoDB requires a password.
    await _unless(anonymous, {"createUser": ROOT, "pwd": password, "roles": ["root"]}, UNAUTHORIZED, USER_EXISTS)


async def _create_user(root: Client, wanted: _Wanted, database: str) -> None:
    roles = [{"role": role, "db": database} for role in ("readWrite", "dbAdmin")]
    users = root[wanted.users]
    try:
        known = (await users.command("usersInfo", wanted.user))["users"]
    except OperationFailure as failure:
        if failure.code != AUTHENTICATION_FAILED:
            raise
        raise WrongRootPasswordError(
            "MongoDB refuses the password of its user root: MONGODB_ROOT_PASSWORD is not the one that it was made with"
        ) from failure
    command = "updateUser" if known else "createUser"
    await users.command({command: wanted.user, "pwd": wanted.password, "roles": roles})


async def _unless(client: Client, command: dict[str, Any], *codes: int) -> None:
    """Run a command of the database `admin`; failures with these codes mean that there is nothing to do."""
    try:
        await client.admin.command(command)
    except OperationFailure as failure:
        if failure.code not in codes:
            raise
