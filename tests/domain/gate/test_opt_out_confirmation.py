"""Confirmations of opt-outs: which are sent, and in which words."""

import pytest

from domain.channels import Channel
from domain.gate.consent import ConsentCategory
from domain.gate.keywords import OPT_OUT, Keyword, OwnKeywords, folded, read_keyword
from domain.gate.opt_out_confirmation import ConfirmedOptOuts, OptOutConfirmation
from domain.texts.confirmations import CONFIRMATIONS
from providers.twilio import Twilio

BY_TWILIO = Twilio.channels[Channel.SMS].answered_opt_outs


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("STOP", "en"),
        ("Stop. Thank you", "en"),
        ("stop merci", "fr"),
        ("stop, bitte", "de"),
        ("BAJA", "es"),
        ("baja mesedez", "eu"),
        ("¡Baja!, gracias", "es"),
        ("sair", "pt"),
        ("baixa sisplau", "ca"),
        ("wypisz mnie", "pl"),
        ("stop gracias", "en"),
        ("no molestar", "es"),
        ("gata", "ro"),
        ("alta", ""),
        ("hola", ""),
    ],
)
def test_an_opt_out_has_the_language_of_its_keyword(text: str, language: str) -> None:
    own = OwnKeywords(opt_out=(("es", frozenset({"no molestar"})), ("ro", frozenset({"gata"}))))
    assert read_keyword(text, own).language == language


def test_the_catalogue_has_every_language_of_the_keywords_and_names_an_opt_in_keyword() -> None:
    for texts in CONFIRMATIONS.values():
        assert set(texts) == set(OPT_OUT)
        for text in texts.values():
            shouted = [word for word in text.split() if word.isupper() and len(folded(word)) > 1]
            assert [read_keyword(word).keyword for word in shouted] == [Keyword.OPT_IN], text


def test_a_text_of_ones_own_replaces_the_catalogue_in_every_language() -> None:
    own = OptOutConfirmation(texts={"es": "Adiós", "en": "Bye"})
    assert [own.text(ConsentCategory.ALL, language) for language in ("en", "es", "pl")] == ["Bye", "Adiós", "Adiós"]
    catalogue = CONFIRMATIONS[ConsentCategory.MARKETING]
    assert OptOutConfirmation().text(ConsentCategory.MARKETING, "es") == catalogue["es"]
    assert OptOutConfirmation().text(ConsentCategory.MARKETING, "ro") == catalogue["en"]


def test_what_the_provider_answers_by_itself_is_not_confirmed() -> None:
    """Twilio acts on the lone word only."""
    cases = {"STOP": False, " stop\n": False, "STOP please": True, "baja": True}
    unanswered = OptOutConfirmation.default(Channel.SMS)
    assert {text: unanswered.confirms(text, BY_TWILIO) for text in cases} == cases
    assert OptOutConfirmation(when=ConfirmedOptOuts.ALWAYS).confirms("STOP", BY_TWILIO)
    assert not OptOutConfirmation.default(Channel.EMAIL).confirms("baja", frozenset())
