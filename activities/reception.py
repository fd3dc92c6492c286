"""Recording of inbound messages in MongoDB."""

from contextlib import suppress
from datetime import timedelta

from pymongo.errors import DuplicateKeyError
from temporalio import activity

from activities.identities import Known, Person, find, find_or_create, owned
from activities.interfaces import Identification, Received, ReceptionActivities, UserTask
from activities.publishing import Publish, publish_nothing
from domain.channels import Channel
from domain.identifiers import derived_id
from domain.interaction import Direction
from domain.reception import InboundToClosed, Reception
from models.access import Tenant
from models.erasing import bearing
from models.interaction import Interaction
from models.process import Process, joining_step, last_entry_step
from models.user import User


class MongoReception(ReceptionActivities):
    """Reception on MongoDB."""

    def __init__(self, publish: Publish = publish_nothing, erasure_grace_period: timedelta = timedelta()) -> None:
        """Record messages, and publish the resulting events.

        Args:
            publish: publishes events.
            erasure_grace_period: time during which callers that found a user before its merge may still write to it.
        """
        self._publish = publish
        self._erasure_grace_period = erasure_grace_period

    @activity.defn
    async def receive(self, reception: Reception) -> Received:
        """Store the message as an interaction in `RECEIVED`, once, with its user and process."""
        person = Person.of(reception)
        stored = await Interaction.find_one({"_id": reception.interaction_id})
        if stored is None:
            known = await _write(reception, person)
        else:
            # An erased interaction must not be linked to a user again.
            known = await find(person) if stored.erased_at is None else None
        integration = reception.integration
        await self._publish(integration.integration_id, integration.version, reception.interaction_id, 0)
        user_ids = [known.user.id] if known is not None else stored.user_ids if stored is not None else []
        return Received(user_id=next(iter(user_ids), None), merges=self._merges(known))

    @activity.defn
    async def identify(self, identification: Identification) -> list[UserTask]:
        """Give all identities of a person to one user, if any user has one of them; returns the merges needed."""
        return self._merges(await find(Person(identification.tenant, owned(identification.identities))))

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


async def _write(reception: Reception, person: Person) -> Known:
    answered = await _answered(reception)
    known = await find_or_create(person, await _answering(reception, answered))
    process = await _process(reception, known, answered)
    interaction = reception.received(known.user.id, process.id)
    # The process first, so that an interaction that exists is always its process's last entry, even after a crash.
    joining = joining_step(reception.integration.integration_id, [known.user.id])
    last_entry = last_entry_step(interaction.id, reception.received_at, Direction.IN)
    await Process.collection().update_one({"_id": process.id}, [joining, last_entry])
    run_id = activity.info().workflow_run_id or ""
    document = Interaction.registered(interaction, fingerprint="", registered_by=run_id)
    document.user_ids = [known.user.id]
    document.provider_message_ids = [reception.message.provider_message_id]
    with suppress(DuplicateKeyError):
        await document.insert()
    return known


async def _answered(reception: Reception) -> Interaction | None:
    """Find the outbound message that this message answers, if the provider names it and its user is not erased."""
    if reception.message.in_reply_to is None:
        return None
    return await Interaction.find_one(
        {
            "integration.integration_id": reception.integration.integration_id,
            "provider_message_ids": bearing(reception.message.in_reply_to),
            "tenant": reception.tenant,
            "direction": Direction.OUT,
            "erased_at": None,
        }
    )


async def _answering(reception: Reception, answered: Interaction | None) -> User | None:
    """Find the user who answers a message to one user; None for mail and groups, where another person may answer."""
    is_shared = reception.integration.channel is Channel.EMAIL or reception.message.group_id is not None
    if answered is None or len(answered.user_ids) != 1 or is_shared:
        return None
    user = await User.surviving(reception.tenant, answered.user_ids[0])
    return None if user is None or user.erasure is not None else user


async def _process(reception: Reception, known: Known, answered: Interaction | None) -> Process:
    """Return the process of the answered message, while it is open; else that of the user, or the group."""
    if answered is not None and answered.process_id is not None and reception.message.group_id is None:
        of_it = {"_id": answered.process_id, "tenant": reception.tenant, "is_draft": False}
        process = await Process.find_one(of_it)
        if process is not None and (not process.is_closed or await _is_reopened(process)):
            return process
    return await _open_process(reception, known)


async def _open_process(reception: Reception, known: Known) -> Process:
    """Return the newest open process of the user or group on the integration; else reopen or create one.

    A new process's id is derived from the one before it, so that concurrent messages open only one.
    """
    integration_id, user = reception.integration.integration_id, known.user
    group_id = reception.message.group_id
    of_whom = {"user_ids": {"$in": known.ids}} if group_id is None else {}
    of_both = {
        "tenant": reception.tenant,
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
        tenant=reception.tenant,
        integration_ids=[integration_id],
        user_ids=[user.id],
        group_id=group_id,
        created=reception.received_at,
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
