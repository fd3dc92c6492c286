"""The line that the Web UI's list of workflows shows of each message."""

import json
from typing import Final

from temporalio.client import Client

from domain.interaction import IntegrationReference
from domain.payloads import summary_of
from domain.reception import Reception
from domain.submission import Submission

MAX_SUMMARY_BYTES: Final = 200
"""Bytes of a summary as JSON. Temporal refuses a start whose summary is larger than 400 bytes, encryption included
(`limit.userMetadataSummarySize`)."""

FIRST_WORDS: Final = 40
"""Characters of a message that its summary shows."""


def line_of(integration: IntegrationReference) -> str:
    """The channel, the provider and the integration: nothing personal."""
    return _bounded(f"{integration.channel} · {integration.provider_title} · {integration.integration_name}")


def summary_of_outbound(client: Client, submission: Submission) -> str:
    """A message that is sent: through what, and where payloads are encrypted also to whom and its first words."""
    words = _first_words(summary_of(submission.integration.channel, submission.payload))
    to = ", ".join(submission.destinations)
    return _summary(client, f"→ {to} · {words}", submission.integration)


def summary_of_inbound(client: Client, reception: Reception) -> str:
    """A message that an end user sends: through what, and where payloads are encrypted also who and its first words."""
    words = _first_words(reception.summary)
    return _summary(client, f"← {reception.message.sender} · {words}", reception.integration, "in · ")


def _summary(client: Client, personal: str, integration: IntegrationReference, direction: str = "") -> str:
    """What a reader with the keys sees first; without keys nothing personal stands in the list of workflows."""
    line = f"{direction}{integration.channel} · {integration.provider_title} · {integration.integration_name}"
    if client.data_converter.payload_codec is None:
        return _bounded(line)
    return _bounded(f"{personal} · {line}")


def _first_words(summary: str) -> str:
    """The first words of a message, from its summary as the specification writes it."""
    content: dict[str, str | None] = json.loads(summary)
    words = next((text for text in (content["subject"], content["body"], content["generic"]) if text), "")
    return f"{words[:FIRST_WORDS]}…" if len(words) > FIRST_WORDS else words


def _bounded(text: str) -> str:
    """A text that is printable, and as JSON no longer than `MAX_SUMMARY_BYTES`."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    while len(json.dumps(printable, ensure_ascii=False).encode()) > MAX_SUMMARY_BYTES:
        printable = f"{printable[:-2]}…"
    return printable
