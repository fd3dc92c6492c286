"""Search keys of people and fields."""

import pytest

from domain.search_keys import prefixes, searchable, searchable_field, searchable_fields


@pytest.mark.parametrize("written", ["José Peña", "JOSE PEÑA", "jose   pen\u0303a ", "jose pena"])
def test_a_text_is_searched_whatever_its_letter_case_its_accents_and_its_spaces(written: str) -> None:
    assert searchable(written) == "jose pena"


def test_a_name_is_found_by_the_beginning_of_each_of_its_words() -> None:
    assert prefixes("José Peña Ruiz") == ["jose pena ruiz", "pena ruiz", "ruiz"]
    assert prefixes(" ") == []


def test_the_keys_of_a_long_name_are_few_and_short() -> None:
    keys = prefixes("a" * 1_000 + " b" * 1_000)
    assert len(keys) == 10
    assert max(map(len, keys)) == 200


def test_fields_are_found_by_texts_numbers_and_booleans() -> None:
    fields = searchable_fields({"a": "b", "n": 7, "f": 1.5, "yes": True, "o": {}, "l": [1], "null": None, "": ""})
    assert fields == ["a=b", "n=7", "f=1.5", "yes=true", "="]
    assert searchable_field("yes", "true") in fields
    assert searchable_fields(None) == searchable_fields({"a": "x" * 201}) == []
