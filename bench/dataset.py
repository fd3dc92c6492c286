"""Generated dataset of stored interactions: several tenants, channels, users and outcomes, over some months."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from domain.channels import Channel
from domain.clock import to_milliseconds
from domain.destinations import KIND_OF_CHANNEL, Destination
from domain.identifiers import derived_id, new_id
from domain.interaction import Direction, HistoryEntry, IntegrationReference
from domain.payloads import summary_of
from domain.status import Milestone, Status
from domain.tokenizer import words_of_summary
from models.interaction import Interaction

SPAN: Final = timedelta(days=90)
INTERACTIONS_OF_A_USER: Final = 25
INTERACTIONS_OF_A_PROCESS: Final = 10

ENDINGS: Final[Sequence[tuple[Status, str | None, float]]] = (
    (Status.COMPLETED, "delivered", 55),
    (Status.COMPLETED, "read", 20),
    (Status.SENT, "queued", 6),
    (Status.SENT, "sent", 6),
    (Status.RECEIVED, None, 6),
    (Status.PROCESS_ERROR, "undelivered", 3),
    (Status.PROVIDER_SENDING_ERROR, "rejected", 2),
    (Status.PROVIDER_SENDING_ERROR, "unknown", 0.5),
    (Status.PROVIDER_SENDING_ERROR, "cancelled", 0.2),
    (Status.VALIDATION_ERROR, None, 1),
    (Status.DISPATCH_PENDING, None, 0.2),
    (Status.VALIDATION_PENDING, None, 0.1),
)
"""Statuses, provider statuses and their share in percent."""

LINES: Final = (
    (Channel.SMS, "north", 40),
    (Channel.SMS, "south", 20),
    (Channel.WHATSAPP, "east", 25),
    (Channel.RCS, "west", 10),
    (Channel.EMAIL, "post", 4.9),
    (Channel.MESSENGER, "east", 0.1),
)
"""A tenant's integrations, and the share of interactions through each, in percent."""

TEXTS: Final = (
    "Hola {name}, su cita en el taller es mañana a las {hour}:00",
    "{name}: su pedido {order} ha salido de nuestro almacén y llegará el jueves",
    "Le recordamos que su factura {order} vence el día {hour}. Gracias, {name}",
    "{name}, su código de verificación es {order}. No lo comparta con nadie",
)
RARE_TEXT: Final = "Aviso urgente para {name}: retirada del producto {order}"
"""Words that occur in few interactions."""

RARE: Final = 0.001


@dataclass(frozen=True, slots=True)
class Dataset:
    """Interactions to be inserted; the same for the same seed, except for their dates.

    Attributes:
        tenants: their names, with equal numbers of interactions.
        number: total number of interactions of all tenants.
    """

    tenants: Sequence[str]
    number: int
    seed: int = 1

    def documents(self) -> Iterator[dict[str, Any]]:
        """Generate the documents in MongoDB's form."""
        chance = random.Random(self.seed)
        lines = {tenant: [integration(tenant, position) for position in range(len(LINES))] for tenant in self.tenants}
        now = to_milliseconds(datetime.now(UTC))
        for position in range(self.number):
            tenant = self.tenants[position % len(self.tenants)]
            line = chance.choices(lines[tenant], [weight for _, _, weight in LINES])[0]
            yield _interaction(chance, tenant, line, now - SPAN * chance.random(), self.number // len(self.tenants))


def integration(tenant: str, position: int) -> IntegrationReference:
    """One of a tenant's integrations, by its index in `LINES`."""
    channel, provider, _ = LINES[position]
    return IntegrationReference(
        integration_id=derived_id("integration", tenant, str(position)),
        integration_name=f"{channel}-{provider}",
        channel=channel,
        channel_id=derived_id("channel", channel),
        provider=provider,
        provider_id=derived_id("provider", provider),
        provider_title=provider.title(),
    )


def _interaction(
    chance: random.Random, tenant: str, line: IntegrationReference, created: datetime, of_tenant: int
) -> dict[str, Any]:
    status, word, _ = chance.choices(ENDINGS, [weight for _, _, weight in ENDINGS])[0]
    user = chance.randrange(max(1, of_tenant // INTERACTIONS_OF_A_USER))
    process = chance.randrange(max(1, of_tenant // INTERACTIONS_OF_A_PROCESS))
    text = RARE_TEXT if chance.random() < RARE else chance.choice(TEXTS)
    said = text.format(name=f"Nombre{user}", hour=chance.randrange(8, 21), order=chance.randrange(10**6))
    payload = {"Type": "text-message-rcs" if line.channel is Channel.RCS else "simple-text", "Text": said}
    summary = summary_of(Channel.SMS, payload | {"Type": "simple-text"})
    created = to_milliseconds(created)
    user_id = derived_id("user", tenant, str(user))
    document = Interaction(
        id=new_id(),
        tenant=tenant,
        fingerprint="0" * 64,
        registered_by="crowd",
        sequence=4,
        summary=summary,
        words=words_of_summary(summary),
        created=created,
        updated=created + timedelta(seconds=2),
        author_id=derived_id("account", tenant),
        updater_id=derived_id("account", tenant),
        history=[HistoryEntry(date=created, status=status, custom_status=word)],
        integration=line,
        metadata={},
        payload=dict(payload),
        primary_key={},
        process_id=derived_id("process", tenant, str(process)),
        user_ids=[user_id],
        destinations=[Destination(key=KIND_OF_CHANNEL[line.channel], value=f"34600{user:06}", user_id=user_id)],
        direction=Direction.IN if status is Status.RECEIVED else Direction.OUT,
        status=status,
        custom_status=word,
        milestone=Milestone.NONE,
        provider_message_ids=[f"SM{new_id()}"],
    )
    stored = document.model_dump(mode="python", exclude={"id", "revision_id"})
    return {"_id": document.id, **stored}
