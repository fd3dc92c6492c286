"""Texts of the pages that recipients see."""

from typing import Final

from domain.texts import both

UNSUBSCRIBE_TITLE: Final = both("Cancelar la suscripción", "Unsubscribe")
UNSUBSCRIBE_QUESTION: Final = both(
    "¿Quiere dejar de recibir los correos comerciales de este remitente?",
    "Do you want to stop receiving marketing e-mails from this sender?",
)
UNSUBSCRIBE_BUTTON: Final = both("Cancelar la suscripción", "Unsubscribe")
UNSUBSCRIBED: Final = both(
    "Ha cancelado la suscripción: ya no recibirá los correos comerciales de este remitente.",
    "You are unsubscribed: you will receive no more marketing e-mails from this sender.",
)
LINK_INVALID_TITLE: Final = both("Enlace no válido", "Invalid link")
LINK_INVALID: Final = both(
    "Este enlace está incompleto o no es válido. Ábralo de nuevo desde el correo.",
    "This link is incomplete or invalid. Open it again from the e-mail.",
)
