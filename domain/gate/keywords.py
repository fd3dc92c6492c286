"""Keywords in inbound messages: an opt-out, an opt-in or a request for help, by language.

The opt-out words include those that regulators and messaging services require: 47 CFR 64.1200(a)(10)
(https://www.ecfr.gov/current/title-47/section-64.1200), https://help.twilio.com/articles/223134027,
https://docs.aws.amazon.com/sms-voice/latest/userguide/keywords-required.html, and Google RCS.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from typing import Final


class Keyword(StrEnum):
    """Meaning of a message that consists of a keyword."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class KeywordMatch:
    """What a text means as a keyword.

    Attributes:
        keyword: the keyword that the whole text is; None for any other text.
        is_opt_out_suspected: whether the text only begins with an opt-out keyword, such as `STOP 12345`.
        language: ISO 639 code of an opt-out's language, the first of `OPT_OUT` if it is a keyword of several; else
            empty.
    """

    keyword: Keyword | None = None
    is_opt_out_suspected: bool = False
    language: str = ""


NO_KEYWORD: Final = KeywordMatch()

OPT_OUT: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        *("stop", "stopall", "stop all", "unsubscribe", "unsubscribe me", "cancel", "end", "quit", "revoke"),
        *("optout", "opt out", "opt me out", "remove", "remove me", "no more texts", "no more messages", "td"),
    ),
    "es": (
        *("baja", "darme de baja", "dame de baja", "la baja", "alto", "para", "parar", "detener", "salir"),
        *("cancelar", "desuscribir", "desuscribirme", "desuscribirse", "eliminar", "detener promociones"),
        *("no más", "no más mensajes", "no más sms"),
    ),
    "pt": ("sair", "parar", "pare", "cancelar", "remover", "descadastrar"),
    "ca": ("baixa", "doneu-me de baixa", "dona'm de baixa", "aturar", "para", "cancel·lar"),
    "gl": ("baixa", "parar", "saír", "cancelar"),
    "eu": ("baja", "baja eman", "utzi", "gelditu", "ezeztatu"),
    "fr": (
        *("stop", "stop sms", "arret", "arrete", "arrett", "arrêt", "arrêter", "arrêtez"),
        *("désabonner", "désinscrire", "désinscription"),
    ),
    "it": ("stop", "cancella", "cancellami", "disiscrivi", "disiscrivimi", "annulla", "basta"),
    "de": ("stop", "stopp", "abmelden", "abbestellen", "austragen", "ende"),
    "nl": ("stop", "stoppen", "afmelden", "uitschrijven"),
    "pl": ("stop", "wypisz", "wypisz mnie", "rezygnuję", "anuluj", "koniec"),
}
"""Opt-out keywords by language; of several languages with one word, the first is that of its confirmation."""

OPT_IN: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("start", "unstop", "yes", "subscribe", "optin", "opt in"),
    "es": ("alta", "volver", "recibir", "suscribir", "suscribirme"),
    "ca": ("alta",),
    "gl": ("alta",),
    "eu": ("alta",),
    "pt": ("voltar", "receber", "começar"),
    "fr": ("start", "démarrer"),
    "it": ("inizia", "iscrivi", "iscrivimi"),
    "de": ("start", "anmelden"),
    "nl": ("start", "aanmelden"),
    "pl": ("start", "zapisz", "zapisz mnie"),
}
"""Opt-in keywords by language."""

HELP: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("help", "info"),
    "es": ("ayuda", "info"),
    "ca": ("ajuda", "info"),
    "gl": ("axuda", "info"),
    "eu": ("laguntza", "info"),
    "pt": ("ajuda", "info"),
    "fr": ("aide", "info"),
    "it": ("aiuto", "info"),
    "de": ("hilfe", "info"),
    "nl": ("help", "hulp", "info"),
    "pl": ("pomoc", "info"),
}
"""Help keywords by language."""

COURTESY: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        *("please", "pls", "plz", "thanks", "thank you", "thx", "now", "sorry", "hi", "hello", "ok", "me"),
        *("texts", "texting me", "messages", "messaging me"),
    ),
    "es": ("por favor", "porfa", "porfavor", "gracias", "muchas gracias", "hola", "ya", "quiero", "mensajes", "sms"),
    "ca": ("si us plau", "sisplau", "gràcies", "moltes gràcies", "hola", "ja", "missatges"),
    "gl": ("por favor", "grazas", "ola", "xa", "mensaxes"),
    "eu": ("mesedez", "eskerrik asko", "kaixo", "mezuak"),
    "pt": ("por favor", "obrigado", "obrigada", "olá", "já", "mensagens"),
    "fr": ("s'il vous plaît", "s'il te plaît", "svp", "stp", "merci", "bonjour", "messages"),
    "it": ("per favore", "grazie", "ciao", "subito", "messaggi"),
    "de": ("bitte", "danke", "hallo", "jetzt", "nachrichten"),
    "nl": ("alstublieft", "alsjeblieft", "aub", "bedankt", "dank", "dank u", "hallo", "nu", "berichten"),
    "pl": ("proszę", "dziękuję", "dzięki", "teraz", "wiadomości"),
}
"""Words of courtesy and filler that may accompany a keyword."""

_ONLY_ALONE: Final = frozenset({"yes", "para", "volver", "recibir", "receber", "info"})
"""Keywords that are ordinary words too: with words of courtesy, such as "yes please", they mean something else."""

MAX_KEYWORD_CHARACTERS: Final = 80
"""Longest text that may be a keyword with words of courtesy."""

_WORD = re.compile(r"[^\W_]+")
_JOINERS = re.compile(r"[·‧\u0300-\u036f]")
_UNDECOMPOSED: Final = str.maketrans({"ł": "l"})
"""Letters of the keywords' languages that NFKD leaves whole."""


def folded(text: str) -> str:
    """Return the words of a text, separated by one space, without case, accents, punctuation and emoji."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().translate(_UNDECOMPOSED)
    return " ".join(_WORD.findall(_JOINERS.sub("", decomposed)))


def folded_phrases(phrases: Iterable[str]) -> frozenset[str]:
    """Return phrases as texts are compared with them."""
    return frozenset(map(folded, phrases))


def _all_phrases(by_language: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return folded_phrases(chain.from_iterable(by_language.values()))


def _any_of(phrases: Iterable[str]) -> str:
    return f"(?:{'|'.join(sorted(phrases, key=len, reverse=True))})"


_COURTESY: Final = _all_phrases(COURTESY)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Recognises a keyword: alone, repeated, or with words of courtesy."""

    phrases: frozenset[str]
    with_courtesy: re.Pattern[str]
    beginning: re.Pattern[str]

    @classmethod
    def of(cls, phrases: frozenset[str], courtesy: frozenset[str] = _COURTESY) -> "_Reader":
        keyword, kind_words = _any_of(phrases - _ONLY_ALONE), _any_of(courtesy)
        return cls(
            phrases,
            re.compile(rf"(?:{kind_words} )*{keyword}(?: (?:{kind_words}|{keyword}))*"),
            re.compile(rf"{_any_of(phrases)}(?: |$)"),
        )

    def recognises(self, words: str) -> bool:
        return words in self.phrases or self.with_courtesy.fullmatch(words) is not None


@dataclass(frozen=True, slots=True)
class OwnKeywords:
    """Folded keywords of one tenant, beside those of everybody.

    Attributes:
        opt_out: by language.
    """

    opt_out: tuple[tuple[str, frozenset[str]], ...] = ()
    opt_in: frozenset[str] = frozenset()


NO_OWN_KEYWORDS: Final = OwnKeywords()

_OPT_OUT: Final = (Keyword.OPT_OUT, _Reader.of(_all_phrases(OPT_OUT)))
_OPT_IN: Final = (Keyword.OPT_IN, _Reader.of(_all_phrases(OPT_IN)))
_HELP: Final = (Keyword.HELP, _Reader.of(_all_phrases(HELP)))


@lru_cache(maxsize=1_000)
def _readers(own: OwnKeywords) -> Sequence[tuple[Keyword, _Reader]]:
    """Return the readers in the order of their precedence: no tenant's word undoes an opt-out of everybody's."""
    opt_out = frozenset(chain.from_iterable(phrases for _, phrases in own.opt_out))
    phrases = ((Keyword.OPT_OUT, opt_out), (Keyword.OPT_IN, own.opt_in))
    return (_OPT_OUT, *((keyword, _Reader.of(those)) for keyword, those in phrases if those), _OPT_IN, _HELP)


@lru_cache(maxsize=1_000)
def _opt_outs_by_language(own: OwnKeywords) -> Sequence[tuple[str, _Reader]]:
    own_phrases = dict(own.opt_out)
    languages = dict.fromkeys([*OPT_OUT, *own_phrases])
    return [
        (
            one,
            _Reader.of(
                folded_phrases(OPT_OUT.get(one, ())) | own_phrases.get(one, frozenset[str]()),
                folded_phrases(COURTESY.get(one, ())),
            ),
        )
        for one in languages
    ]


def _language_of_opt_out(words: str, own: OwnKeywords) -> str:
    """Return the language whose keywords and words of courtesy make up an opt-out.

    If it mixes languages, it is the first one that has one of its keywords.
    """
    readers = _opt_outs_by_language(own)
    whole = (one for one, reader in readers if reader.recognises(words))
    partly = (one for one, reader in readers if any(f" {phrase} " in f" {words} " for phrase in reader.phrases))
    return next(chain(whole, partly), "")


def read_keyword(text: str, own: OwnKeywords = NO_OWN_KEYWORDS) -> KeywordMatch:
    """Read a text as a keyword of any language: alone, repeated, or with words of courtesy.

    Args:
        text: the text.
        own: the tenant's keywords.
    """
    words = folded(text[:MAX_KEYWORD_CHARACTERS])
    readers = _readers(own)
    if len(text) <= MAX_KEYWORD_CHARACTERS:
        for keyword, reader in readers:
            if reader.recognises(words):
                language = _language_of_opt_out(words, own) if keyword is Keyword.OPT_OUT else ""
                return KeywordMatch(keyword, language=language)
    opt_outs = [reader for keyword, reader in readers if keyword is Keyword.OPT_OUT]
    return KeywordMatch(is_opt_out_suspected=any(one.beginning.match(words) is not None for one in opt_outs))
