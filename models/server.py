"""Whether MongoDB is there and is what Iris needs: a replica set, which alone has transactions and change streams."""

from typing import Any, Final

import pymongo
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, ConnectionFailure, PyMongoError
from pymongo.uri_parser import parse_uri

PING_TIMEOUT_SECONDS: Final = 5.0
"""How long MongoDB may take to answer a process that starts."""

_SEED_TIMEOUT_MILLISECONDS: Final = 1_000


class UnusableServerError(ConnectionFailure):
    """MongoDB does not answer, or is not a replica set of the wanted name."""


async def require_replica_set(client: AsyncMongoClient[dict[str, Any]], uri: str) -> None:
    """Ask MongoDB what it is, through a client of the servers that a URI names.

    Raises:
        UnusableServerError: if it does not answer in time, or is a standalone server.
        pymongo.errors.OperationFailure: if it does not let us in.
    """
    try:
        with pymongo.timeout(PING_TIMEOUT_SECONDS):
            await client.admin.command("ping")
            hello = await client.admin.command("hello")
    except (ConnectionFailure, ConfigurationError) as error:
        # A replica set is not found where its name is wrong: what is there instead?
        problem = await _problem_of_seeds(uri) or f"it does not answer: {str(error).split(', Timeout:')[0]}"
        raise UnusableServerError(problem) from error
    problem = _problem(hello, None)
    if problem:
        raise UnusableServerError(problem)


async def _problem_of_seeds(uri: str) -> str:
    """What is wrong with the first of the named servers that answers by itself; empty if none does."""
    if not uri.startswith("mongodb://"):
        return ""
    named = parse_uri(uri)
    wanted = named["options"].get("replicaSet")
    for host, port in named["nodelist"]:
        direct: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            host, port, directConnection=True, serverSelectionTimeoutMS=_SEED_TIMEOUT_MILLISECONDS
        )
        try:
            problem = _problem(await direct.admin.command("hello"), wanted)
        except PyMongoError:
            continue
        finally:
            await direct.close()
        if problem:
            return f"{host}:{port}: {problem}"
    return ""


def _problem(hello: dict[str, Any], wanted: str | None) -> str:
    """What is wrong with a server by its own answer (https://www.mongodb.com/docs/manual/reference/command/hello)."""
    if hello.get("msg") == "isdbgrid":  # a router of a sharded cluster
        return ""
    name = hello.get("setName")
    if name is None:
        return "it is a standalone server, and Iris needs a replica set: start mongod with --replSet, and initiate it"
    return f"it is of the replica set {name}, not of {wanted}" if wanted and name != wanted else ""
