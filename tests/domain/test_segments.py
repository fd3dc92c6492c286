"""Segments of an SMS (3GPP TS 23.040 §9.2.3.24.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.segments import segments

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "^{}\\[~]|€\f"
EMOJI = "😀"


@pytest.mark.parametrize(
    ("text", "encoding", "parts"),
    [
        ("", "GSM-7", 1),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("ñ" * 160, "GSM-7", 1),
        ("€" * 80, "GSM-7", 1),
        ("€" * 80 + "a", "GSM-7", 2),
        # 153 is odd: an extension character that would be split begins the next segment.
        ("€" * 76 * 2, "GSM-7", 2),
        ("€" * 76 * 2 + "€", "GSM-7", 3),
        ("a" * 152 + "€" + "a" * 151, "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),
        ("á", "UCS-2", 1),
        ("á" * 70, "UCS-2", 1),
        ("á" * 71, "UCS-2", 2),
        ("á" * 134, "UCS-2", 2),
        ("á" * 135, "UCS-2", 3),
        ("a" * 68 + EMOJI, "UCS-2", 1),
        ("a" * 69 + EMOJI, "UCS-2", 2),
        # 67 is odd: a surrogate pair that would be split begins the next segment.
        (EMOJI * 33 * 2, "UCS-2", 2),
        (EMOJI * 33 * 2 + EMOJI, "UCS-2", 3),
        ("a" * 66 + EMOJI + "a" * 65, "UCS-2", 2),
        ("a" * 66 + EMOJI + "a" * 66, "UCS-2", 3),
    ],
)
def test_a_text_is_counted_as_networks_do(text: str, encoding: str, parts: int) -> None:
    assert segments(text) == (encoding, parts)


def test_the_default_alphabet_has_its_127_characters_and_ten_more() -> None:
    assert (len(set(BASIC)), len(set(EXTENSION))) == (127, 10)
    assert {segments(character).encoding for character in BASIC + EXTENSION} == {"GSM-7"}


@given(st.characters(exclude_characters=BASIC + EXTENSION, exclude_categories=["Cs"]))
def test_any_other_character_makes_it_ucs_2(character: str) -> None:
    assert segments(f"Hola{character}").encoding == "UCS-2"


def written_out(text: str, encoding: str, alone: int, part: int) -> int:
    """Segments as a network writes them, character after character, none of which may be split."""
    width = {character: 2 if character in EXTENSION else 1 for character in text}
    if encoding == "UCS-2":
        width = {character: len(character.encode("utf-16-be")) // 2 for character in text}
    if sum(width[character] for character in text) <= alone:
        return 1
    written: list[int] = []
    for character in text:
        if not written or written[-1] + width[character] > part:
            written.append(0)
        written[-1] += width[character]
    assert all(part - 1 <= length <= part for length in written[:-1])
    return len(written)


@given(st.text(alphabet=st.sampled_from("aé€[" + EMOJI), min_size=60, max_size=700))
def test_no_character_is_split_and_every_segment_is_full(text: str) -> None:
    encoding, parts = segments(text)
    assert encoding == ("UCS-2" if EMOJI in text else "GSM-7")
    assert parts == written_out(text, encoding, *((70, 67) if encoding == "UCS-2" else (160, 153)))


@given(st.text(max_size=400), st.text(max_size=100))
def test_more_text_never_has_fewer_segments(text: str, more: str) -> None:
    assert segments(text + more).parts >= segments(text).parts
