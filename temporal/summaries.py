"""Summaries of messages for the workflow list of Temporal's Web UI."""

import json
from typing import Final

from temporalio.client import Client

from domain.inbound import ReceivedMessage
from domain.interaction import IntegrationReference
from domain.payloads import summary_of
from domain.strategy.run import Run
from domain.submission import Submission

MAX_SUMMARY_BYTES: Final = 200
"""Maximum bytes of a summary as JSON. Temporal refuses a start whose summary exceeds 400 bytes, encryption included
(`limit.userMetadataSummarySize`)."""

FIRST_WORDS: Final = 40
"""Characters of a message that are shown in its summary."""


def line_of(integration: IntegrationReference) -> str:
    """Return the channel, the provider and the integration, without personal data."""
    return _bounded(f"{integration.channel} · {integration.provider_title} · {integration.integration_name}")


def summary_of_outbound(client: Client, submission: Submission) -> str:
    """Summarize an outbound message: its integration, and if payloads are encrypted, its recipients and first words."""
    words = _first_words(summary_of(submission.integration.channel, submission.payload))
    to = ", ".join(submission.destinations)
    return _summary(client, f"→ {to} · {words}", submission.integration)


def summary_of_inbound(client: Client, inbound: ReceivedMessage) -> str:
    """Summarize an inbound message: its integration, and if payloads are encrypted, its sender and first words."""
    words = _first_words(inbound.summary)
    return _summary(client, f"← {inbound.message.sender} · {words}", inbound.integration, "in · ")


def summary_of_run(client: Client, run: Run) -> str:
    """Summarize a run of a strategy: its channels, and if payloads are encrypted, the recipients of its first step."""
    channels = " → ".join(step.integration.channel for step in run.steps)
    line = f"{run.name} · {channels}" if run.name else channels
    if client.data_converter.payload_codec is None:
        return _bounded(line)
    submission = next(step.submission for step in run.steps if step.submission is not None)
    return _bounded(f"→ {', '.join(submission.destinations)} · {line}")


def _summary(client: Client, personal: str, integration: IntegrationReference, direction: str = "") -> str:
    """Put the personal part first if payloads are encrypted; otherwise the list of workflows shows no personal data."""
    line = f"{direction}{integration.channel} · {integration.provider_title} · {integration.integration_name}"
    if client.data_converter.payload_codec is None:
        return _bounded(line)
    return _bounded(f"{personal} · {line}")


def _first_words(summary: str) -> str:
    """Return the first words of a message, from its summary as the specification defines it."""
    content: dict[str, str | None] = json.loads(summary)
    words = next((text for text in (content["subject"], content["body"], content["generic"]) if text), "")
    return f"{words[:FIRST_WORDS]}…" if len(words) > FIRST_WORDS else words


def _bounded(text: str) -> str:
    """Make a text printable, and truncate it to `MAX_SUMMARY_BYTES` as JSON."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    while len(json.dumps(printable, ensure_ascii=False).encode()) > MAX_SUMMARY_BYTES:
        printable = f"{printable[:-2]}…"
    return printable
