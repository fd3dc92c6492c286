"""Consents of a tenant: reading them for a send, and writing what people and providers state."""

import hmac
import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pymongo import ReturnDocument

from domain.clock import to_milliseconds, to_wire, utc_now
from domain.destinations import Destination, DestinationKind
from domain.gate import consent as domain
from domain.gate.bounces import PERIOD, paused_until
from domain.gate.consent import (
    ConsentCategory,
    ConsentChange,
    ConsentScope,
    ConsentSource,
    ConsentState,
    Coverage,
    Evidence,
    refusing,
)
from domain.gate.recipients import Recipients
from domain.problems import Problem
from models.consent import Consent, ConsentKey
from models.interaction import Interaction
from models.soft_bounces import SoftBounces
from models.user import OwnedDestination
from queries.consent_events import ConsentEvents, redact
from security.unsubscribe_tokens import UnsubscribeToken
from support.ttl_cache import TtlCache

_KEY_TTL: Final = timedelta(hours=1)
_KEY_BYTES: Final = 32


class Consents:
    """Consents in MongoDB, which name each destination by an HMAC with a key of the tenant."""

    def __init__(self, events: ConsentEvents | None = None) -> None:
        """Publish changes by `events`; without them, publish nothing."""
        self._keys: TtlCache[bytes] = TtlCache(_KEY_TTL)
        self._events = events

    async def person(self, tenant: str, kind: DestinationKind, normal_form: str) -> str:
        """The name of a destination in the tenant's consents: the same for every spelling, and for no other tenant."""
        return hmac.digest(await self._key(tenant), f"{kind.value}\x1f{normal_form}".encode(), "sha256").hex()

    async def person_of(self, tenant: str, destination: Destination) -> str:
        """Like `person`, of a parsed destination."""
        return await self.person(tenant, destination.key, destination.normal_form)

    async def problems_of(self, recipients: Recipients) -> list[Problem]:
        """Return a problem for each destination whose person refuses the message; none if it is forced."""
        if recipients.is_forced:
            return []
        integration, tenant = recipients.integration, recipients.tenant
        persons = {
            position: await self.person_of(tenant, one)
            for position, one in enumerate(recipients.destinations)
            if one.value
        }
        scopes = ("", integration.channel.value, integration.integration_id)
        stated: defaultdict[str, list[domain.Consent]] = defaultdict(list)
        for one in await Consent.about(tenant, list(persons.values()), scopes) if persons else ():
            stated[one.person].append(one.view)
        now = utc_now()
        return [
            _problem(position, recipients.destinations[position], out)
            for position, person in persons.items()
            if (out := refusing(stated[person], recipients.category, now)) is not None
        ]

    async def record(self, tenant: str, changes: Sequence[ConsentChange], *, only_opted_out: bool = False) -> int:
        """Write statements, and return how many consents they changed (`models.consent.Consent.write`)."""
        if not changes:
            return 0
        named = [(await self.person_of(tenant, change.destination), change) for change in changes]
        return await self._write(tenant, named, only_opted_out=only_opted_out)

    async def record_soft_bounce(self, tenant: str, bounce: ConsentChange) -> None:
        """Count a message that came back from an address, which pauses the address if it was not the first ones.

        Args:
            tenant: the tenant.
            bounce: as an opt-out of the address; its evidence names the message.
        """
        person = await self.person_of(tenant, bounce.destination)
        bounces = await SoftBounces.add(tenant, person, bounce.evidence.interaction_id or "", bounce.at)
        until = paused_until(bounces)
        if until is not None:
            pause = bounce.model_copy(update={"at": until - PERIOD, "until": until})
            await self._write(tenant, [(person, pause)])

    async def changed_by(self, tenant: str, change: ConsentChange) -> Consent | None:
        """Return the consent whose state a recorded statement changed; None if it repeated the state before it."""
        person = await self.person_of(tenant, change.destination)
        consent = await Consent.find_one({"_id": Consent.id_of(tenant, person, change.coverage)})
        is_changed = consent is not None and consent.changing(to_milliseconds(change.at)) is not None
        return consent if is_changed else None

    async def delete(self, consent: Consent) -> None:
        """Delete a consent with its history."""
        if consent.scope is ConsentScope.ADDRESS:
            await SoftBounces.forget(consent.tenant, [consent.person])
        if self._events is None:
            await consent.delete()
        else:
            await self._events.delete(consent)

    async def _write(
        self, tenant: str, named: Sequence[tuple[str, ConsentChange]], *, only_opted_out: bool = False
    ) -> int:
        subscribers = await self._events.subscribers(tenant) if self._events is not None else ()
        is_published = bool(subscribers)
        changed = await Consent.write(tenant, named, only_opted_out=only_opted_out, is_published=is_published)
        if self._events is not None and is_published:
            stated = {Consent.id_of(tenant, person, change.coverage): change.at for person, change in named}
            await self._events.publish(tenant, subscribers, stated)
        return changed

    async def unsubscribe_token(
        self, tenant: str, integration_id: str, interaction_id: str, destination: Destination
    ) -> UnsubscribeToken:
        """Create the token of the link by which the recipient of a message unsubscribes."""
        person = await self.person_of(tenant, destination)
        return UnsubscribeToken.signed(await self._key(tenant), integration_id, interaction_id, person)

    async def has_signed(self, tenant: str, token: UnsubscribeToken) -> bool:
        """Whether a token is the tenant's."""
        return token.is_signed_with(await self._key(tenant))

    async def unsubscribe(self, tenant: str, token: UnsubscribeToken) -> None:
        """Record that a person opted out of a sender's marketing, unless that is recorded."""
        coverage = Coverage.of_sender(token.integration_id, ConsentCategory.MARKETING)
        stored = await Consent.find_one({"_id": Consent.id_of(tenant, token.person, coverage)})
        if stored is not None and stored.state is ConsentState.OUT:
            return
        change = ConsentChange(
            kind=DestinationKind.EMAIL,
            value=await self._recipient(tenant, token),
            coverage=coverage,
            state=ConsentState.OUT,
            source=ConsentSource.ONE_CLICK,
            at=to_milliseconds(utc_now()),
            evidence=Evidence(interaction_id=token.interaction_id),
        )
        await self._write(tenant, [(token.person, change)])

    async def _recipient(self, tenant: str, token: UnsubscribeToken) -> str:
        """The address of the person in the message with the link; empty once its user is erased."""
        interaction = await Interaction.find_one({"_id": token.interaction_id, "tenant": tenant})
        for destination in interaction.destinations if interaction is not None else ():
            if destination.value and await self.person_of(tenant, destination) == token.person:
                return destination.value
        return ""

    async def _key(self, tenant: str) -> bytes:
        return self._keys.get(tenant) or await self._load_key(tenant)

    async def erase(self, tenant: str, destinations: Sequence[OwnedDestination]) -> None:
        """Remove the destinations and their words from the consents, which stay in force."""
        persons = [await self.person(tenant, one.kind, one.normal_form) for one in destinations]
        await Consent.empty(tenant, persons)
        await SoftBounces.forget(tenant, persons)
        await redact(tenant, persons)

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
    field, details = f"Destinations[{position}]", {"destination": destination.written}
    if out.until is not None:
        return Problem(field=field, code="recipient_paused", details={**details, "until": to_wire(out.until)})
    return Problem(field=field, code="recipient_opted_out", details={**details, "at": to_wire(out.at)})
