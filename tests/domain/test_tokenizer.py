"""Indexed words of an interaction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.channels import Channel
from domain.payloads import summary_of
from domain.tokenizer import MAX_WORD_LENGTH, MAX_WORDS, words_of, words_of_summary


@pytest.mark.parametrize(
    ("written", "looked_for"),
    [
        ("Su cita es MAÑANA", "manana"),
        ("Sus citas", "cita"),
        ("Talleres Ágora", "taller agora"),
        ("los clientes", "cliente"),
        ("doce meses", "MES"),
        ("pedido A-4711", "4711"),
        ("ofertas_de_hoy", "oferta"),
        ("ﬁn de mes", "fin"),
    ],
)
def test_a_text_is_found_whatever_its_case_accents_and_number(written: str, looked_for: str) -> None:
    assert set(words_of(looked_for)) <= set(words_of(written))


@pytest.mark.parametrize("text", ["", "de la", "!¿?", "y a o", "🙂"])
def test_a_text_may_have_no_words(text: str) -> None:
    assert words_of(text) == []


@given(st.text(max_size=300))
def test_words_are_few_short_and_their_own_words(text: str) -> None:
    words = words_of(text)
    assert len(words) == len(set(words)) <= MAX_WORDS
    assert all(0 < len(word) <= 18 * MAX_WORD_LENGTH for word in words)


def test_the_words_of_a_summary_are_those_of_all_its_parts() -> None:
    mail = {"Type": "email", "Subject": "Su factura", "Body": "Vence mañana"}
    assert words_of_summary(summary_of(Channel.EMAIL, mail)) == words_of("Su factura Vence mañana")
