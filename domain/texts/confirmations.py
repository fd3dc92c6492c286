"""Texts that confirm an opt-out to its recipient, by the language of the keyword."""

from collections.abc import Mapping
from typing import Final

from domain.gate.consent import ConsentCategory

DEFAULT_LANGUAGE: Final = "en"
"""Language of the confirmation of a keyword in a language without a text."""

CONFIRMATIONS: Final[Mapping[ConsentCategory, Mapping[str, str]]] = {
    ConsentCategory.ALL: {
        "en": "You have opted out and will receive no more messages from this sender. Reply START to receive them "
        "again.",
        "es": "Se ha dado de baja y no recibirá más mensajes de este remitente. Responda ALTA para volver a "
        "recibirlos.",
        "ca": "S'ha donat de baixa i no rebrà més missatges d'aquest remitent. Respongui ALTA per tornar a rebre'ls.",
        "gl": "Deuse de baixa e non recibirá máis mensaxes deste remitente. Responda ALTA para volver recibilas.",
        "eu": "Baja eman duzu eta ez duzu bidaltzaile honen mezu gehiagorik jasoko. Erantzun ALTA berriro jasotzeko.",
        "pt": "O cancelamento foi feito e não receberá mais mensagens deste remetente. Responda VOLTAR para voltar a "
        "recebê-las.",
        "fr": "Vous êtes désabonné et ne recevrez plus de messages de cet expéditeur. Répondez START pour en recevoir "
        "à nouveau.",
        "it": "Ha annullato l'iscrizione e non riceverà più messaggi da questo mittente. Risponda INIZIA per riceverli "
        "di nuovo.",
        "de": "Sie sind abgemeldet und erhalten keine Nachrichten von diesem Absender mehr. Antworten Sie START, um "
        "wieder welche zu erhalten.",
        "nl": "U bent afgemeld en ontvangt geen berichten meer van deze afzender. Antwoord START om ze weer te "
        "ontvangen.",
        "pl": "Wypisano z listy: ten nadawca nie wyśle więcej wiadomości. Odpowiedz START, aby znów je otrzymywać.",
    },
    ConsentCategory.MARKETING: {
        "en": "You have opted out and will receive no more marketing messages from this sender. Reply START to receive "
        "them again.",
        "es": "Se ha dado de baja y no recibirá más mensajes comerciales de este remitente. Responda ALTA para volver "
        "a recibirlos.",
        "ca": "S'ha donat de baixa i no rebrà més missatges comercials d'aquest remitent. Respongui ALTA per tornar a "
        "rebre'ls.",
        "gl": "Deuse de baixa e non recibirá máis mensaxes comerciais deste remitente. Responda ALTA para volver "
        "recibilas.",
        "eu": "Baja eman duzu eta ez duzu bidaltzaile honen merkataritza-mezu gehiagorik jasoko. Erantzun ALTA berriro "
        "jasotzeko.",
        "pt": "O cancelamento foi feito e não receberá mais mensagens publicitárias deste remetente. Responda VOLTAR "
        "para voltar a recebê-las.",
        "fr": "Vous êtes désabonné et ne recevrez plus de messages publicitaires de cet expéditeur. Répondez START "
        "pour en recevoir à nouveau.",
        "it": "Ha annullato l'iscrizione e non riceverà più messaggi pubblicitari da questo mittente. Risponda INIZIA "
        "per riceverli di nuovo.",
        "de": "Sie sind abgemeldet und erhalten keine Werbenachrichten von diesem Absender mehr. Antworten Sie START, "
        "um wieder welche zu erhalten.",
        "nl": "U bent afgemeld en ontvangt geen reclameberichten meer van deze afzender. Antwoord START om ze weer te "
        "ontvangen.",
        "pl": "Wypisano z listy: ten nadawca nie wyśle więcej wiadomości reklamowych. Odpowiedz START, aby znów je "
        "otrzymywać.",
    },
}
"""Texts by the category of the opt-out and the language; each names an opt-in keyword."""
