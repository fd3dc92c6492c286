"""Opt-outs, opt-ins and requests for help in what people write."""

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.gate.keywords import COURTESY, NO_KEYWORD, OPT_OUT, Keyword, read_keyword
from domain.inbound import keyword_of
from models.access import TenantKeywords
from tests.domain.gate.ordinary_replies import ordinary_replies

_REQUIRED: Final = {
    "en": "STOP,STOPALL,STOP ALL,UNSUBSCRIBE,CANCEL,END,QUIT,REVOKE,OPTOUT,OPT OUT,OPT-OUT,REMOVE,TD,remove me",
    "es": "BAJA,ALTO,PARAR,SALIR,DETENER,CANCELAR,eliminar,darme de baja,dame de baja,desuscribirme,no más",
    "ca": "BAIXA,aturar,cancel·lar,doneu-me de baixa",
    "gl": "BAIXA,parar,saír,cancelar",
    "eu": "BAJA,baja eman,utzi,gelditu,ezeztatu",
    "pt": "SAIR,PARAR,PARE,CANCELAR,remover,descadastrar",
    "fr": "STOP,STOP SMS,ARRET,ARRÊT,ARRETE,arrêter,désabonner,désinscrire,désinscription",
    "it": "STOP,cancella,cancellami,disiscrivi,disiscrivimi,annulla,basta",
    "de": "STOP,STOPP,abmelden,abbestellen,austragen,ende",
    "nl": "STOP,stoppen,afmelden,uitschrijven",
    "pl": "STOP,wypisz,wypisz mnie,rezygnuję,anuluj,koniec",
}
_COURTESIES: Final = {
    "en": "{} please,please {},{}. Thank you,{} now",
    "es": "{} por favor,hola {},{} gracias",
    "ca": "{} si us plau,{} gràcies",
    "gl": "{} por favor,{} grazas",
    "eu": "{} mesedez,{} eskerrik asko",
    "pt": "{} por favor,{} obrigado",
    "fr": "{} s'il vous plaît,{} merci,bonjour {}",
    "it": "{} per favore,{} grazie",
    "de": "bitte {},{} danke",
    "nl": "{} aub,{} bedankt",
    "pl": "proszę {},{} dziękuję",
}


def required_phrases() -> Iterator[str]:
    for language, words in _REQUIRED.items():
        for word in words.split(","):
            yield from (word, word.lower(), f"¡{word.capitalize()}!", f" {word}. ")
            yield from (courtesy.format(word) for courtesy in _COURTESIES[language].split(","))


def test_every_required_phrase_opts_out() -> None:
    phrases = list(required_phrases())
    assert len(phrases) >= 300
    assert [phrase for phrase in phrases if read_keyword(phrase).keyword is not Keyword.OPT_OUT] == []


def test_at_most_one_in_a_hundred_ordinary_replies_is_taken_for_a_keyword() -> None:
    replies = list(ordinary_replies())
    assert len(replies) >= 5_000
    mistaken = [reply for reply in replies if read_keyword(reply).keyword is not None]
    assert len(mistaken) * 100 <= len(replies), mistaken


@pytest.mark.parametrize("text", ["STOP 12345", "cancel my appointment at 5", "baja médica hasta el día 5", "para ya"])
def test_a_text_that_begins_with_a_keyword_is_only_suspected(text: str) -> None:
    read = read_keyword(text)
    assert (read.keyword, read.is_opt_out_suspected) == (None, True)


@pytest.mark.parametrize("text", ["Cancel", "end", "Para", "ＳＴＯＰ", "stop stop", "STOP 🛑"])  # noqa: RUF001 - full width
def test_a_lone_keyword_is_an_opt_out_whatever_was_meant(text: str) -> None:
    assert read_keyword(text).keyword is Keyword.OPT_OUT


@pytest.mark.parametrize("text", ["START", "unstop", "Yes", "ALTA", "alta, por favor", "démarrer", "Começar"])
def test_opt_ins(text: str) -> None:
    assert read_keyword(text).keyword is Keyword.OPT_IN


@pytest.mark.parametrize("text", ["HELP", "info", "ayuda, por favor", "Hilfe!"])
def test_requests_for_help(text: str) -> None:
    assert read_keyword(text).keyword is Keyword.HELP


@pytest.mark.parametrize("text", ["yes please", "", "👍", "thank you"])
def test_words_of_courtesy_alone_are_no_keyword(text: str) -> None:
    assert read_keyword(text) == NO_KEYWORD


def test_a_button_is_read_by_its_title() -> None:
    assert keyword_of({"Type": "button", "Title": "Baja"}).keyword is Keyword.OPT_OUT


_KEYWORDS = st.sampled_from([phrase for phrases in OPT_OUT.values() for phrase in phrases if phrase != "para"])
_KIND_WORDS = st.lists(st.sampled_from([phrase for phrases in COURTESY.values() for phrase in phrases]), max_size=2)
_PUNCTUATION = st.text(alphabet=" .,;:!¡?¿-…\n\t", max_size=5)


@given(_KEYWORDS, _KIND_WORDS, _KIND_WORDS, _PUNCTUATION, st.sampled_from([str.upper, str.lower, str.title, str]))
def test_courtesy_case_and_punctuation_do_not_matter(
    keyword: str, before: list[str], after: list[str], ornament: str, case: type[str]
) -> None:
    text = case(f"{ornament} ".join([*before, keyword, *after]))
    assert read_keyword(text[:80]).keyword is Keyword.OPT_OUT or len(text) > 80


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    read = read_keyword(text)
    assert not (read.keyword and read.is_opt_out_suspected)


def test_a_tenants_keywords_count_beside_those_of_everybody() -> None:
    own = TenantKeywords(opt_out={"es": ["No molestar", "YES"]}, opt_in={"es": ["¡Quiero ofertas!", "BAJA"]}).folded()
    for text in ("NO MOLESTAR", "no molestar, por favor", "yes", "stop", "baja"):
        assert read_keyword(text, own).keyword is Keyword.OPT_OUT, text
    assert read_keyword("quiero ofertas gracias", own).keyword is Keyword.OPT_IN
    assert read_keyword("no molestar a mi hermano", own).is_opt_out_suspected
    for text in ("por favor", "gracias", ""):
        assert read_keyword(text, own).keyword is None, text
    assert read_keyword("no molestar") == NO_KEYWORD
