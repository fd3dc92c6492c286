"""Recording of inbound messages in MongoDB."""

from contextlib import suppress
from datetime import timedelta
from typing import Final

from pymongo.errors import DuplicateKeyError
from temporalio import activity

from activities.confirming import Confirm, confirm_nothing
from activities.identities import Known, Person, find, find_or_create, owned
from activities.interfaces import Identification, InboundActivities, Received, UserTask
from activities.publishing import Publish, publish_nothing
from domain.channels import Channel
from domain.confirming import OptedOut, confirmable
from domain.gate.consent import ConsentChange, ConsentState
from domain.gate.keywords import NO_OWN_KEYWORDS, OwnKeywords
from domain.identifiers import derived_id
from domain.inbound import InboundToClosed, ReceivedMessage
from domain.interaction import Direction
from models.access import Tenant
from models.erasure import matching_message_id
from models.interaction import Interaction
from models.process import Process, joining_step, last_entry_step
from models.user import User
from queries.consents import Consents
from support.ttl_cache import TtlCache

_KEYWORDS_TTL: Final = timedelta(seconds=5)
"""Time after which a changed keyword counts."""


class MongoInbound(InboundActivities):
    """ReceivedMessage on MongoDB."""

    def __init__(
        self,
        consents: Consents,
        publish: Publish = publish_nothing,
        erasure_grace_period: timedelta = timedelta(),
        confirm: Confirm = confirm_nothing,
    ) -> None:
        """Record messages and the consents that they state, publish the resulting events, and confirm opt-outs.

        Args:
            consents: what recipients take and refuse.
            publish: publishes events.
            erasure_grace_period: time during which callers that found a user before its merge may still write to it.
            confirm: sends the confirmation of an opt-out.
        """
        self._consents = consents
        self._confirm = confirm
        self._keywords: TtlCache[OwnKeywords] = TtlCache(_KEYWORDS_TTL)
        self._publish = publish
        self._erasure_grace_period = erasure_grace_period

    @activity.defn
    async def receive(self, inbound: ReceivedMessage) -> Received:
        """Store the message as an interaction in `RECEIVED`, once, with its user and process."""
        person, own = Person.of(inbound), await self._own_keywords(inbound.tenant)
        opt_out = await self._record_consents(inbound, own)
        stored = await Interaction.find_one({"_id": inbound.interaction_id})
        if stored is None:
            known, process_id = await _write(inbound, person, own)
        else:
            # An erased interaction must not be linked to a user again.
            known, process_id = (await find(person) if stored.erased_at is None else None), stored.process_id
        integration = inbound.integration
        await self._publish(integration.integration_id, integration.version, inbound.interaction_id, 0)
        if opt_out is not None and known is not None and process_id is not None:
            await self._confirm_once(inbound, opt_out, known.user.id, process_id)
        user_ids = [known.user.id] if known is not None else stored.user_ids if stored is not None else []
        return Received(user_id=next(iter(user_ids), None), merges=self._merges(known))

    @activity.defn
    async def identify(self, identification: Identification) -> list[UserTask]:
        """Give all identities of a person to one user, if any user has one of them; returns the merges needed."""
        return self._merges(await find(Person(identification.tenant, owned(identification.identities))))

    async def _own_keywords(self, tenant: str) -> OwnKeywords:
        own = self._keywords.get(tenant)
        if own is None:
            found = await Tenant.find_one({"name": tenant})
            own = NO_OWN_KEYWORDS if found is None else found.keywords.folded()
            self._keywords.set(tenant, own)
        return own

    async def _record_consents(self, inbound: ReceivedMessage, own: OwnKeywords) -> ConsentChange | None:
        """Record what the message states, however often it is received; an opt-in only ends an opt-out.

        Returns the opt-out that may be confirmed, if it states one.
        """
        stated = inbound.consents(own)
        is_opt_in = any(one.state is ConsentState.IN for one in stated)
        await self._consents.record(inbound.tenant, stated, only_opted_out=is_opt_in)
        return confirmable(stated)

    async def _confirm_once(
        self, inbound: ReceivedMessage, opt_out: ConsentChange, user_id: str, process_id: str
    ) -> None:
        """Confirm an opt-out, unless the recipient had opted out before: once, however often it is received."""
        consent = await self._consents.changed_by(inbound.tenant, opt_out)
        if consent is not None:
            opted_out = OptedOut(inbound, opt_out, consent.id, user_id, process_id)
            await self._confirm(opted_out, await self._own_keywords(inbound.tenant))

    def _merges(self, known: Known | None) -> list[UserTask]:
        """Return the merges that make one user of those that are the same person."""
        if known is None:
            return []
        user = known.user
        return [
            UserTask(
                tenant=user.tenant, user_id=other.id, into=user.id, erasure_grace_period=self._erasure_grace_period
            )
            for other in known.others
        ]


async def _write(inbound: ReceivedMessage, person: Person, own: OwnKeywords) -> tuple[Known, str]:
    """Write the message, and return its sender and its process."""
    answered = await _answered(inbound)
    known = await find_or_create(person, await _answering(inbound, answered))
    process = await _process(inbound, known, answered)
    interaction = inbound.received(known.user.id, process.id, own)
    # The process first, so that an interaction that exists is always its process's last entry, even after a crash.
    joining = joining_step(inbound.integration.integration_id, [known.user.id])
    last_entry = last_entry_step(interaction.id, inbound.received_at, Direction.IN)
    await Process.collection().update_one({"_id": process.id}, [joining, last_entry])
    run_id = activity.info().workflow_run_id or ""
    document = Interaction.registered(interaction, fingerprint="", registered_by=run_id)
    document.user_ids = [known.user.id]
    document.provider_message_ids = [inbound.message.provider_message_id]
    with suppress(DuplicateKeyError):
        await document.insert()
    return known, process.id


async def _answered(inbound: ReceivedMessage) -> Interaction | None:
    """Find the outbound message that this message answers, if the provider names it and its user is not erased."""
    if inbound.message.in_reply_to is None:
        return None
    return await Interaction.find_one(
        {
            "integration.integration_id": inbound.integration.integration_id,
            "provider_message_ids": matching_message_id(inbound.message.in_reply_to),
            "tenant": inbound.tenant,
            "direction": Direction.OUT,
            "erased_at": None,
        }
    )


async def _answering(inbound: ReceivedMessage, answered: Interaction | None) -> User | None:
    """Find the user who answers a message to one user; None for mail and groups, where another person may answer."""
    is_shared = inbound.integration.channel is Channel.EMAIL or inbound.message.group_id is not None
    if answered is None or len(answered.user_ids) != 1 or is_shared:
        return None
    user = await User.surviving(inbound.tenant, answered.user_ids[0])
    return None if user is None or user.erasure is not None else user


async def _process(inbound: ReceivedMessage, known: Known, answered: Interaction | None) -> Process:
    """Return the process of the answered message, while it is open; else that of the user, or the group."""
    if answered is not None and answered.process_id is not None and inbound.message.group_id is None:
        of_it = {"_id": answered.process_id, "tenant": inbound.tenant, "is_draft": False}
        process = await Process.find_one(of_it)
        if process is not None and (not process.is_closed or await _is_reopened(process)):
            return process
    return await _open_process(inbound, known)


async def _open_process(inbound: ReceivedMessage, known: Known) -> Process:
    """Return the newest open process of the user or group on the integration; else reopen or create one.

    A new process's id is derived from the one before it, so that concurrent messages open only one.
    """
    integration_id, user = inbound.integration.integration_id, known.user
    group_id = inbound.message.group_id
    of_whom = {"user_ids": {"$in": known.ids}} if group_id is None else {}
    of_both = {
        "tenant": inbound.tenant,
        "integration_ids": integration_id,
        "is_draft": False,
        "group_id": group_id,
        **of_whom,
    }
    # One query for the newest open one, else the newest of all: between two, another message might open one.
    last = await Process.find(of_both).sort("is_closed", "-created").first_or_none()
    if last is not None and (not last.is_closed or await _is_reopened(last)):
        return last
    process = Process(
        id=derived_id("process", integration_id, group_id or user.id, last.id if last else ""),
        tenant=inbound.tenant,
        integration_ids=[integration_id],
        user_ids=[user.id],
        group_id=group_id,
        created=inbound.received_at,
    )
    try:
        await process.insert()
    except DuplicateKeyError:
        return await Process.find_one({"_id": process.id}) or process
    return process


async def _is_reopened(process: Process) -> bool:
    """Reopen a closed process, if its tenant is configured so."""
    tenant = await Tenant.find_one({"name": process.tenant})
    if tenant is None or tenant.inbound_to_closed is not InboundToClosed.REOPEN:
        return False
    return await Process.change(process.tenant, process.id, {"is_closed": False}) is not None
