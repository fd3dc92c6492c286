"""Tokenizer of searchable texts: ignores letter case, accents and plural."""

import json
import re
from typing import Final

from domain.search_keys import searchable

MAX_WORDS: Final = 40
"""Maximum indexed words of one interaction: each is a key of an index, which adds to the cost of every send."""

MAX_WORD_LENGTH: Final = 40

_WORD = re.compile(r"[^\W_]{2,}")

_COMMON: Final = """
al and are como con de del el en es esta este for from ha is it la las le les lo los mas me mi ni no nos
of on or os para pero por que se si sin so su sus te the this to tu tus un una unas uno unos was with ya
you your
"""
_IGNORED: Final = frozenset(_COMMON.split())
"""Stop words: words of nearly every Spanish or English text, which are not indexed."""

_MIN_PLURAL_LENGTH: Final = 4


def words_of(text: str) -> list[str]:
    """Return the distinct words of a text in their order, at most `MAX_WORDS`.

    «Citas» matches «cita», «talleres» matches «taller», «MAÑANA» matches «manana»; synonyms do not match.
    """
    words = (_singular(word[:MAX_WORD_LENGTH]) for word in _WORD.findall(searchable(text)) if word not in _IGNORED)
    return list(dict.fromkeys(words))[:MAX_WORDS]


def words_of_summary(summary: str) -> list[str]:
    """Return the words of an interaction's summary, a string that holds JSON (`domain.payloads.summary_text`)."""
    content: dict[str, str | None] = json.loads(summary)
    return words_of(" ".join(text for text in content.values() if text))


def _singular(word: str) -> str:
    """Strip a possible plural ending: the same for «cliente» and «clientes», «mes» and «meses»."""
    if len(word) < _MIN_PLURAL_LENGTH or not word.isalpha():
        return word
    return word.removesuffix("s").removesuffix("e")
