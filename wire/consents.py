"""Consents as answers and webhook events show them."""

from pydantic import Field, JsonValue

from domain.gate.consent import ConsentScope, Evidence
from models.consent import Consent, Statement
from wire.answer import Answer, Instant


class EvidenceAnswer(Answer):
    """Proof of a consent."""

    interaction_id: str | None = Field(description="The message that stated it.")
    text: str
    account_id: str | None = Field(description="The account that recorded it.")

    @classmethod
    def of(cls, evidence: Evidence) -> "EvidenceAnswer":
        """The evidence as the answer shows it."""
        return cls(**evidence.model_dump())


class StatementAnswer(Answer):
    """One statement of a consent's history."""

    state: str
    source: str
    at: Instant
    until: Instant | None
    evidence: EvidenceAnswer

    @classmethod
    def of(cls, statement: Statement) -> "StatementAnswer":
        """The statement as the answer shows it."""
        return cls(
            state=statement.state,
            source=statement.source,
            at=statement.at,
            until=statement.until,
            evidence=EvidenceAnswer.of(statement.evidence),
        )


class ConsentAnswer(Answer):
    """A consent: what a recipient takes or refuses, and since when."""

    id: str
    kind: str
    destination: str = Field(description="Empty once its user is erased; the consent stays in force.")
    scope: str
    channel: str | None
    integration_id: str | None
    category: str
    state: str
    source: str
    at: Instant
    until: Instant | None = Field(description="When an opt-out ends by itself; null if it does not.")
    evidence: EvidenceAnswer
    history: list[StatementAnswer] = Field(description="All statements, oldest first, at most 50.")
    created: Instant

    @classmethod
    def shown(cls, consent: Consent) -> dict[str, JsonValue]:
        """The consent on the wire."""
        return cls.of(consent).on_the_wire()

    @classmethod
    def of(cls, consent: Consent) -> "ConsentAnswer":
        """The consent as the answer shows it."""
        value = consent.scope_value
        return cls(
            id=consent.id,
            kind=consent.kind,
            destination=consent.value,
            scope=consent.scope,
            channel=value if consent.scope in {ConsentScope.CHANNEL, ConsentScope.ADDRESS} else None,
            integration_id=value if consent.scope is ConsentScope.SENDER else None,
            category=consent.category,
            state=consent.state,
            source=consent.source,
            at=consent.at,
            until=consent.until,
            evidence=EvidenceAnswer.of(consent.evidence),
            history=[StatementAnswer.of(one) for one in consent.history],
            created=consent.created,
        )
