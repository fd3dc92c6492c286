"""Consents of a tenant: reading them for a send, and writing what people and providers state."""

import hmac
import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pymongo import ReturnDocument

from domain.clock import to_wire
from domain.destinations import Destination, DestinationKind
from domain.gate import consent as domain
from domain.gate.category import Category
from domain.gate.consent import ConsentChange, refusing
from domain.interaction import IntegrationReference
from domain.problems import Problem
from domain.submission import Submission
from models.consent import Consent, ConsentKey
from models.interaction import Interaction
from models.user import OwnedDestination
from support.ttl_cache import TtlCache

_KEY_TTL: Final = timedelta(hours=1)
_KEY_BYTES: Final = 32


class Consents:
    """Consents in MongoDB, which name each destination by an HMAC with a key of the tenant."""

    def __init__(self) -> None:
        self._keys: TtlCache[bytes] = TtlCache(_KEY_TTL)

    async def person(self, tenant: str, kind: DestinationKind, normal_form: str) -> str:
        """The name of a destination in the tenant's consents: the same for every spelling, and for no other tenant."""
        key = self._keys.get(tenant) or await self._load_key(tenant)
        return hmac.digest(key, f"{kind.value}\x1f{normal_form}".encode(), "sha256").hex()

    async def person_of(self, tenant: str, destination: Destination) -> str:
        """Like `person`, of a parsed destination."""
        return await self.person(tenant, destination.key, destination.normal_form)

    async def problems_of(self, submission: Submission) -> list[Problem]:
        """Return a problem for each destination of a submission whose person refuses it; none if it is forced."""
        if submission.is_forced:
            return []
        destinations, _ = submission.parsed_destinations(submission.integration.channel)
        return await self._problems(submission.tenant, submission.integration, destinations, submission.category)

    async def refusals_of(self, interaction: Interaction) -> list[Problem]:
        """Like `problems_of`, for a message that is not sent yet."""
        if interaction.is_forced:
            return []
        # Those of erased users are left out.
        destinations = [one for one in interaction.destinations if one.value]
        category = interaction.category or Category.TRANSACTIONAL
        return await self._problems(interaction.tenant, interaction.integration, destinations, category)

    async def _problems(
        self, tenant: str, integration: IntegrationReference, destinations: Sequence[Destination], category: Category
    ) -> list[Problem]:
        persons = [await self.person_of(tenant, one) for one in destinations]
        scopes = ("", integration.channel.value, integration.integration_id)
        stated: defaultdict[str, list[domain.Consent]] = defaultdict(list)
        for one in await Consent.about(tenant, persons, scopes) if persons else ():
            stated[one.person].append(one.view)
        return [
            _problem(position, destination, out)
            for position, (person, destination) in enumerate(zip(persons, destinations, strict=True))
            if (out := refusing(stated[person], category)) is not None
        ]

    async def record(self, tenant: str, changes: Sequence[ConsentChange], *, only_opted_out: bool = False) -> int:
        """Write statements, and return how many consents they changed (`models.consent.Consent.write`)."""
        if not changes:
            return 0
        named = [(await self.person_of(tenant, change.destination), change) for change in changes]
        return await Consent.write(tenant, named, only_opted_out=only_opted_out)

    async def erase(self, tenant: str, destinations: Sequence[OwnedDestination]) -> None:
        """Remove the destinations and their words from the consents, which stay in force."""
        persons = [await self.person(tenant, one.kind, one.normal_form) for one in destinations]
        await Consent.empty(tenant, persons)

    async def _load_key(self, tenant: str) -> bytes:
        """The tenant's key, created at its first use."""
        new = secrets.token_bytes(_KEY_BYTES)
        found = await ConsentKey.collection().find_one_and_update(
            {"_id": tenant}, {"$setOnInsert": {"key": new}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        key = ConsentKey.model_validate(found).key
        self._keys.set(tenant, key)
        return key


def _problem(position: int, destination: Destination, out: domain.Consent) -> Problem:
    details: dict[str, str | int] = {"destination": destination.written, "at": to_wire(out.at)}
    return Problem(field=f"Destinations[{position}]", code="recipient_opted_out", details=details)
