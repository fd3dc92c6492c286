"""Consents: the latest statement is in force, whatever else is written at the same moment."""

import asyncio
from datetime import UTC, datetime, timedelta

from domain.destinations import DestinationKind
from domain.gate.consent import ConsentCategory, ConsentChange, ConsentSource, ConsentState, Coverage
from domain.identifiers import new_id
from models.consent import Consent

NOW = datetime(2026, 12, 1, 9, 48, 21, tzinfo=UTC)


def stated(state: ConsentState, at: datetime) -> ConsentChange:
    return ConsentChange(
        kind=DestinationKind.PHONE_NUMBER,
        value="34638766068",
        coverage=Coverage.of_tenant(ConsentCategory.ALL),
        state=state,
        source=ConsentSource.API,
        at=at,
    )


async def test_a_first_opt_out_is_not_lost_to_an_older_statement_at_the_same_moment(tenant: str) -> None:
    older, newer = stated(ConsentState.IN, NOW), stated(ConsentState.OUT, NOW + timedelta(seconds=1))
    for person in [new_id() for _ in range(50)]:
        await asyncio.gather(*(Consent.write(tenant, [(person, one)]) for one in (older, older, older, older, newer)))
        consent = await Consent.find_one({"tenant": tenant, "person": person})
        assert consent is not None
        assert (consent.state, consent.at) == (ConsentState.OUT, newer.at)
