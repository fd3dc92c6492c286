"""Ordinary replies of recipients, generated from templates: texts that contain keywords' words and are none."""

from collections.abc import Iterator
from itertools import product
from typing import Final

_TEMPLATES: Final[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = (
    # English: template with {a} and {b}, and their values
    ("{a} my {b}", ("cancel", "remove", "end", "revoke", "quit"), ("appointment at 5", "order 88", "old card", "job")),
    (
        "{a} {b}",
        ("stop by", "I'll stop at", "can't stop", "non-stop"),
        ("tomorrow", "the shop", "laughing", "on Monday"),
    ),
    (
        "{a}, {b}",
        ("yes", "ok", "hi", "thanks", "sorry"),
        ("see you then", "I will be late", "the end of the week works"),
    ),
    (
        "{a} {b}",
        ("STOP", "stop", "End", "cancel"),
        ("12345", "item 7", "at the corner", "that delivery, keep the rest"),
    ),
    (
        "{a} {b}",
        ("help me", "I need info on", "where is"),
        ("the bus stop", "order 88", "my parcel", "cancel the booking"),
    ),
    ("{a} {b}?", ("is it", "at what time is it", "who is it"), ("the end", "free", "for me", "the last stop")),
    # Spanish
    (
        "{a} {b}",
        ("estoy de baja", "baja médica", "para", "salgo"),
        ("hasta el lunes", "por la tarde", "a las 8", "dos"),
    ),
    ("{a} {b}", ("cancela", "cambia", "confirmo"), ("la cita de las 5", "mi pedido 88", "la reserva del viernes")),
    ("{a} {b}", ("¿dónde para", "baja", "alto"), ("el autobús?", "en la plaza", "y claro", "la calidad", "el volumen")),
    (
        "{a}, {b}",
        ("sí", "gracias", "hola", "vale"),
        ("a las 10 me va bien", "llego tarde", "¿me dais de alta la línea?"),
    ),
    ("{a} {b}", ("el alta", "la parada", "el fin", "no pares"), ("es mañana", "del bus", "de semana", "de escribir")),
    # Catalan, Galician, Basque
    ("{a} {b}", ("estic de baixa", "baixa", "para", "la planta baixa"), ("fins dimarts", "al portal", "atenció")),
    ("{a} {b}", ("cancel·la", "canvia", "confirmo"), ("la cita de dimarts", "la comanda 88")),
    ("{a} {b}", ("estou de baixa", "para", "sae"), ("ata o luns", "mañá", "ás 8")),
    ("{a} {b}", ("bajan nago", "utzi", "gelditu"), ("astelehenera arte", "atean, mesedez", "ostiralean")),
    # Portuguese
    ("{a} {b}", ("não pare", "para", "vou sair", "pare"), ("amanhã", "às 8", "na esquina", "no dia 5")),
    ("{a} {b}", ("cancelar", "remover", "confirmo"), ("a consulta das 17h", "o artigo 12")),
    # French
    ("{a} {b}", ("arrêt", "en arrêt", "stop", "je m'arrête"), ("de bus", "maladie", "au prochain feu", "à 17 h")),
    ("{a} {b}", ("annule", "je confirme", "merci pour"), ("le rendez-vous de 15 h", "la commande 88")),
    # Italian
    (
        "{a} {b}",
        ("basta", "annulla", "cancella"),
        ("che arrivi domani", "l'ordine 12", "l'appuntamento delle 17", "così?"),
    ),
    # German, Dutch, Polish
    ("{a} {b}", ("Ende", "stopp,", "abmelden"), ("der Woche", "ich habe eine Frage", "vom Kurs am Freitag")),
    ("{a} {b}", ("stop", "afmelden", "einde"), ("even bij de winkel", "voor vrijdag", "van de week")),
    ("{a} {b}", ("koniec", "anuluj", "stop"), ("tygodnia", "wizytę o 17", "przy sklepie")),
)

_FRAMES: Final = ("{text}", "{text}.", "{text} 🙂", "Hi, {text}", "{text}, thanks", "Hola: {text}", "{text} - Ana")
_CASES: Final = (str, str.upper, str.capitalize)

_SHORT: Final = (
    *("ok", "yes please", "sí, gracias", "no", "no, gracias", "gracias", "merci", "danke", "grazie", "obrigado", "👍"),
    *("10:30", "mañana", "vale", "perfecto", "oui", "ja", "tak", "1", "2", "C", "A las 5", "later", "?", "...", ""),
    *("unsubscribe from what?", "quit smoking group?", "basta così?", "para mí, dos", "para ya", "bus stop 12"),
    *("the alto saxophone", "FIN", "weekend", "przystanek", "Bushaltestelle", "non-stop flight?", "remove the onions"),
)


def ordinary_replies() -> Iterator[str]:
    """Generate the replies."""
    yield from _SHORT
    for template, firsts, seconds in _TEMPLATES:
        for a, b, frame, case in product(firsts, seconds, _FRAMES, _CASES):
            yield frame.format(text=case(template.format(a=a, b=b)))
