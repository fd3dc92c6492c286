"""Taking in what end users send."""

from contextlib import suppress

from pymongo.errors import DuplicateKeyError
from temporalio import activity

from activities.interfaces import ReceptionActivities
from activities.telling import Teller, tell_nobody
from domain.identifiers import derived_id
from domain.interaction import Direction
from domain.reception import InboundToClosed, Reception
from models.access import Tenant
from models.interaction import Interaction
from models.process import Process, last_entry_step
from models.user import OwnedDestination, User


class MongoReception(ReceptionActivities):
    """Reception on MongoDB."""

    def __init__(self, tell: Teller = tell_nobody) -> None:
        """Receive, and tell of it."""
        self._tell = tell

    @activity.defn
    async def receive(self, reception: Reception) -> str | None:
        """Write the message down as an interaction in `RECEIVED`, with its user and process; once. The user's id."""
        user_id = await _write_down(reception)
        integration = reception.integration
        await self._tell(integration.integration_id, integration.version, reception.interaction_id, 0)
        return user_id


async def _write_down(reception: Reception) -> str | None:
    written = await Interaction.find_one({"_id": reception.interaction_id})
    if written is not None:
        return next(iter(written.user_ids), None)
    user = await _sender(reception)
    process = await _open_process(reception, user)
    interaction = reception.received(user.id, process.id)
    # The process first: whoever reads the interaction finds it to be the last entry, also if we die in between.
    last_entry = last_entry_step(interaction.id, reception.heard_at, Direction.IN)
    joined = {"$set": {"user_ids": {"$setUnion": ["$user_ids", [user.id]]}}}
    steps = [last_entry] if user.id in process.user_ids else [last_entry, joined]
    await Process.collection().update_one({"_id": process.id}, steps)
    run_id = activity.info().workflow_run_id or ""
    document = Interaction.registered(interaction, fingerprint="", registered_by=run_id)
    document.user_ids = [user.id]
    document.provider_message_ids = [reception.message.provider_message_id]
    with suppress(DuplicateKeyError):
        await document.insert()
    return user.id


async def _sender(reception: Reception) -> User:
    """The user that owns the sender's destination, made if there is none."""
    message = reception.message
    owned = OwnedDestination(kind=message.sender_kind, value=message.sender)
    found = await User.owning(reception.tenant, [owned])
    if found:
        return found[0]
    user = User(
        id=reception.new_user_id,
        tenant=reception.tenant,
        name=message.sender_name or message.sender,
        destinations=[owned],
    )
    try:
        await user.insert()
    except DuplicateKeyError:
        # An earlier try has created it, and it was merged or erased since; or another message was quicker.
        return await User.surviving(reception.tenant, user.id) or await _sender(reception)
    return user


async def _open_process(reception: Reception, user: User) -> Process:
    """The newest open process of the user or group on the integration; else a closed one again, or one that is made.

    Its id is derived from the process before it, so that messages that come at once open one.
    """
    integration_id = reception.integration.integration_id
    group_id = reception.message.group_id
    of_whom = {"user_ids": user.id} if group_id is None else {}
    of_both = {
        "tenant": reception.tenant,
        "integration_id": integration_id,
        "is_draft": False,
        "group_id": group_id,
        **of_whom,
    }
    # The newest open one, else the newest of all, by one question: between two, another message might open one.
    last = await Process.find(of_both).sort("is_closed", "-created").first_or_none()
    if last is not None and (not last.is_closed or await _is_reopened(last)):
        return last
    process = Process(
        id=derived_id("process", integration_id, group_id or user.id, last.id if last else ""),
        tenant=reception.tenant,
        integration_id=integration_id,
        user_ids=[user.id],
        group_id=group_id,
        created=reception.heard_at,
    )
    try:
        await process.insert()
    except DuplicateKeyError:
        return await Process.find_one({"_id": process.id}) or process
    return process


async def _is_reopened(process: Process) -> bool:
    """Open a closed process again, if that is what its tenant wants."""
    tenant = await Tenant.find_one({"name": process.tenant})
    if tenant is None or tenant.inbound_to_closed is not InboundToClosed.REOPEN:
        return False
    return await Process.change(process.tenant, process.id, {"is_closed": False}) is not None
