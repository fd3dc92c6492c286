"""Log line of each attempt to send, with its provider and its outcome."""

from domain.outcomes import Accepted, Outcome, Rejected
from providers.base import Outbound, TransientError
from support.logs import SENDS


def log_send(provider: str, outbound: Outbound, outcome: Outcome | TransientError) -> None:
    """Log the outcome of an attempt to send: accepted, rejected, unknown or not accepted, with the provider's code."""
    code = ""
    match outcome:
        case Accepted():
            verdict = "accepted"
        case Rejected():
            verdict, code = "rejected", outcome.code
        case TransientError():
            verdict, code = "not_accepted", outcome.code
        case _:
            verdict = "unknown"
    fields = {
        "interaction_id": outbound.reference,
        "channel": str(outbound.channel),
        "provider": provider,
        "verdict": verdict,
        **({"code": code} if code else {}),
    }
    SENDS.info("send through %s: %s", provider, verdict, extra={"fields": fields})
