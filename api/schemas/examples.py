"""What a send may look like, for the OpenAPI description: one of each payload type of each channel, and more."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from domain.channels import Channel
from domain.payloads.samples import SAMPLES

_NAMES: Final[Mapping[Channel, str]] = {
    Channel.SMS: "sms",
    Channel.WHATSAPP: "whatsapp",
    Channel.RCS: "rcs",
    Channel.EMAIL: "email",
    Channel.MESSENGER: "messenger",
}

_TO: Final[Mapping[Channel, str]] = {
    **dict.fromkeys(Channel, "34638766068"),
    Channel.EMAIL: "usuario@dominio.com",
    Channel.MESSENGER: "2345678901234567",
}


def _send(channel: Channel, **changes: JsonValue) -> dict[str, JsonValue]:
    return {
        "integrationId": "67c98902c362797495a602c6",
        "processId": None,
        "Destinations": [_TO[channel]],
        "AutoCreateUser": True,
        "AutoCreateProcess": True,
        **changes,
    }


def _of_each_type() -> dict[str, JsonValue]:
    examples: dict[str, JsonValue] = {}
    for channel, payloads in SAMPLES.items():
        for position, payload in enumerate(payloads):
            name = f"{_NAMES[channel]}-{payload['Type']}" if position else _NAMES[channel]
            examples[name] = _send(channel, payLoad={**payload})
    return examples


SEND_EXAMPLES: Final[dict[str, JsonValue]] = {
    **_of_each_type(),
    "in-a-process": _send(
        Channel.SMS,
        payLoad={**SAMPLES[Channel.SMS][0]},
        processId="67c98902c362797495a603c1",
        AutoCreateProcess=False,
    ),
    "with-an-attachment": _send(
        Channel.WHATSAPP,
        payLoad={"Type": "media", "MediaType": "image", "Caption": "Cómo llegar"},
        attachmentsId=["67c98902c362797495a60601"],
    ),
    "by-a-template": _send(
        Channel.SMS,
        template={"id": "67c98902c362797495a60501", "variables": {"nombre": "Ana", "fecha": "2026-12-24"}},
    ),
}
"""By name: the channel's own for its first payload type, and that with the type for the others."""
