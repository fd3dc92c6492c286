"""Why an interaction is where it is, on the wire."""

from typing import Final

from pydantic import Field, JsonValue

from wire.answer import Answer, Instant


class WaitAnswer(Answer):
    """What an interaction waits for."""

    awaited: str = Field(
        description="`worker`, `validation`, `send`, `search`, `evidence`, `delivery`, `bounce` or `read`; "
        "while the gate holds it: `scheduled`, `window`, `throttled`, `in_order` or `paused`."
    )
    until: Instant | None = Field(
        description="When its workflow acts by itself, if nothing comes before; null while it waits for a worker."
    )
    then: str = Field(description="What is awaited, until when, and what is done then, in words.")


class SendAttemptAnswer(Answer):
    """The send that is going on."""

    number: int = Field(description="Which attempt is going on or comes next, from 1.")
    is_under_way: bool = Field(description="Whether a worker has it; else it waits for a place, or for its next try.")
    next_try: Instant | None = Field(description="When it is tried again, if it waits for that.")
    last_failure: str | None = Field(description="Why the attempt before failed, if one did.")


class WorkflowAnswer(Answer):
    """The durable workflow behind the interaction."""

    id: str
    state: str = Field(
        description="`running`; `failing`, when its code fails again and again, so that it does not go on; "
        "`ended`; `expired`, when it has ended and Temporal keeps no history of it any more (retention); "
        "`parked`, when the message is held for so long that the next workflow starts some hours before it goes; "
        "`lost`, when it should run and does not (it is repaired within minutes); "
        "`unavailable`, when the engine does not say."
    )
    failing_since: Instant | None = Field(description="Since when it fails again and again; null if it does not.")
    attempt: SendAttemptAnswer | None


class StrategyStandingAnswer(Answer):
    """The strategy that an interaction is a step of."""

    run_id: str
    step: int
    of: int
    next: str = Field(description="What the run waits for and what happens then, or how it ended, in words.")


class ExplanationAnswer(Answer):
    """Why an interaction is where it is, and what becomes of it."""

    id: str
    status: str
    custom_status: str | None
    since: Instant = Field(description="Since when it is there.")
    explanation: str = Field(description="All of it in words, in the language of `Accept-Language`.")
    reason: str | None = Field(description="What its history says of the last change.")
    waits_for: WaitAnswer | None = Field(description="Null when it waits for nothing more.")
    is_final: bool = Field(description="Whether it waits for nothing more; a late receipt may change it all the same.")
    may_still_arrive: bool
    workflow: WorkflowAnswer
    strategy: StrategyStandingAnswer | None = Field(description="The strategy that it is a step of, if any.")
    resend_of: str | None = Field(description="The interaction that it repeats.")
    opt_out_confirmation_of: str | None = Field(description="The inbound message whose opt-out it confirms.")
    resent_as: list[str] = Field(description="The interactions that repeat it, the newest first.")


EXPLANATION_EXAMPLE: Final[dict[str, JsonValue]] = {
    "id": "685bc5e5a3f1c2d4e5f60718",
    "status": "DISPATCH_PENDING",
    "customStatus": None,
    "since": "2026-06-25T09:48:21.246Z",
    "explanation": "Válida; ningún proveedor ha dicho aún que la tenga. Se intenta entregar al proveedor hasta "
    "2026-06-25T10:48:21.246Z; entonces terminará como no enviada, o como desconocida si pudo haberse enviado.",
    "reason": None,
    "waitsFor": {
        "awaited": "send",
        "until": "2026-06-25T10:48:21.246Z",
        "then": "Se intenta entregar al proveedor hasta 2026-06-25T10:48:21.246Z; entonces terminará como no enviada, "
        "o como desconocida si pudo haberse enviado",
    },
    "isFinal": False,
    "mayStillArrive": True,
    "workflow": {
        "id": "interaction-685bc5e5a3f1c2d4e5f60718",
        "state": "running",
        "failingSince": None,
        "attempt": {
            "number": 4,
            "isUnderWay": False,
            "nextTry": "2026-06-25T09:48:31.120Z",
            "lastFailure": "NotAccepted: HTTP 429",
        },
    },
    "strategy": None,
    "resendOf": None,
    "optOutConfirmationOf": None,
    "resentAs": [],
}
