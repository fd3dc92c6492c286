"""Check that MongoDB answers and is a replica set, which transactions and change streams need."""

from typing import Any, Final

import pymongo
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, ConnectionFailure, PyMongoError
from pymongo.uri_parser import parse_uri

PING_TIMEOUT_SECONDS: Final = 5.0
"""Timeout for MongoDB's answer while a process starts."""

_SEED_TIMEOUT_MILLISECONDS: Final = 1_000


class UnusableServerError(ConnectionFailure):
    """MongoDB does not answer, or is not a replica set of the configured name."""


async def require_replica_set(client: AsyncMongoClient[dict[str, Any]], uri: str) -> None:
    """Require that the servers of a URI form a replica set.

    Raises:
        UnusableServerError: if it does not answer in time, or is a standalone server.
        pymongo.errors.OperationFailure: if it rejects the credentials.
    """
    try:
        with pymongo.timeout(PING_TIMEOUT_SECONDS):
            await client.admin.command("ping")
            hello = await client.admin.command("hello")
    except (ConnectionFailure, ConfigurationError) as error:
        # The driver does not find a replica set under a wrong name, so ask one server directly.
        problem = await _problem_of_seeds(uri) or f"it does not answer: {str(error).split(', Timeout:')[0]}"
        raise UnusableServerError(problem) from error
    problem = _problem(hello, None)
    if problem:
        raise UnusableServerError(problem)


async def _problem_of_seeds(uri: str) -> str:
    """Problem of the first named server that answers by itself; empty if none does."""
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
    """Problem of a server by its own answer (https://www.mongodb.com/docs/manual/reference/command/hello)."""
    if hello.get("msg") == "isdbgrid":  # a router of a sharded cluster
        return ""
    name = hello.get("setName")
    if name is None:
        return "it is a standalone server, and Iris needs a replica set: start mongod with --replSet, and initiate it"
    return f"it is of the replica set {name}, not of {wanted}" if wanted and name != wanted else ""
