"""Sample payload of every `Type`, for the OpenAPI document and the demo."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from domain.channels import Channel

Wire = Mapping[str, JsonValue]

_PICTURE: Final = "https://sandbox.example.com/cita.jpg"
_ANSWERS: Final[list[JsonValue]] = [{"Title": "Confirmar", "Id": "yes"}, {"Title": "Cambiar", "Id": "no"}]
_MEDIA: Final[Wire] = {"Url": _PICTURE, "MediaType": "image", "Caption": "Cómo llegar"}
_TEXT: Final = "Su cita es mañana a las 10:00"
_SIMPLE_TEXT: Final[Wire] = {"Type": "simple-text", "Text": _TEXT}
_CARD: Final[Wire] = {"Title": "Su cita", "Description": _TEXT, "ImageUrl": _PICTURE, "Suggestions": _ANSWERS}

SAMPLES: Final[Mapping[Channel, Sequence[Wire]]] = {
    Channel.SMS: [_SIMPLE_TEXT],
    Channel.WHATSAPP: [
        _SIMPLE_TEXT,
        {"Type": "media", **_MEDIA},
        {"Type": "card", "Text": _TEXT, "ImageUrl": _PICTURE, "Buttons": _ANSWERS},
        {"Type": "template", "Name": "cita", "Language": "es", "Parameters": ["Ana", "mañana a las 10:00"]},
        {"Type": "buttons", "Text": _TEXT, "Buttons": _ANSWERS},
        {
            "Type": "list",
            "Text": "¿Cuándo le viene bien?",
            "Button": "Elegir hora",
            "Sections": [{"Title": "Mañana", "Rows": [{"Id": "10", "Title": "10:00"}, {"Id": "12", "Title": "12:00"}]}],
        },
    ],
    Channel.RCS: [
        {"Type": "text-message-rcs", "Text": _TEXT, "Suggestions": _ANSWERS},
        {"Type": "media-rcs", **_MEDIA},
        {"Type": "card-rcs", **_CARD},
        {"Type": "carousel-rcs", "Cards": [{**_CARD}, {**_CARD, "Title": "La siguiente"}]},
    ],
    Channel.EMAIL: [{"Type": "email", "Subject": "Su cita", "Body": f"<p>{_TEXT}</p>", "IsHtml": True}],
    Channel.MESSENGER: [
        _SIMPLE_TEXT,
        {"Type": "media", "Url": _PICTURE, "MediaType": "image"},
        {"Type": "card", "Title": "Su cita", "Subtitle": _TEXT, "ImageUrl": _PICTURE, "Buttons": _ANSWERS},
        {"Type": "quick-replies", "Text": "¿Vendrá?", "Replies": _ANSWERS},
    ],
}
"""Sample payloads of every `Type`, by channel."""
