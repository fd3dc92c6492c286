"""Notes on changes: stored as codes with their details, and put into words when somebody reads them."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.problems import Problem
from domain.texts import Language, say
from domain.texts.notes import NOTES, REASONS

MAX_NOTE_LENGTH: Final = 2_000
"""Characters of a note in words."""


class Note(BaseModel):
    """Why something changed.

    Attributes:
        code: a key of `domain.texts.notes.NOTES`; empty where the problems say it all.
        details: what its sentence needs.
        problems: why a submission was refused.
    """

    model_config = ConfigDict(frozen=True)

    code: str = ""
    details: dict[str, str | int] = {}
    problems: list[Problem] = []

    def words(self, language: Language) -> str:
        """The note in a language."""
        sentences = [say(NOTES[self.code], language, self.details).rstrip()] if self.code else []
        refused = [": ".join(filter(None, (one.field, one.message(language)))) for one in self.problems]
        return "; ".join([*sentences, *refused])[:MAX_NOTE_LENGTH]


Notes = Note | str
"""A note of ours, or words of a provider, which stay as they are."""


def words_of_note(notes: Notes | None, language: Language) -> str | None:
    """A note in words; None if there is none."""
    return notes.words(language) if isinstance(notes, Note) else notes


def words_of_reason(code: str | None, provider_status: str, status: str, language: Language) -> str | None:
    """Why a provider event changed nothing, in words; None if it changed something.

    Args:
        code: a key of `domain.texts.notes.REASONS`.
        provider_status: the event's own word.
        status: of the interaction when the event came.
        language: to say it in.
    """
    if code is None or code not in REASONS:
        return code
    return say(REASONS[code], language, {"provider_status": provider_status, "status": status})
