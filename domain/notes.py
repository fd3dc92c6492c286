"""Notes on changes, stored as codes with parameters and rendered when they are read."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.gate.decision import Wait
from domain.problems import Problem
from domain.texts import Language, say
from domain.texts.notes import NOTES, REASONS

MAX_NOTE_LENGTH: Final = 2_000
"""Maximum characters of a rendered note."""


class Note(BaseModel):
    """Reason for a change.

    Attributes:
        code: a key of `domain.texts.notes.NOTES`; empty if the problems suffice.
        details: the parameters of its text.
        problems: why a submission was refused.
    """

    model_config = ConfigDict(frozen=True)

    code: str = ""
    details: dict[str, str | int] = {}
    problems: list[Problem] = []

    def words(self, language: Language) -> str:
        """Render the note in a language."""
        sentences = [say(NOTES[self.code], language, self.details).rstrip()] if self.code else []
        refused = [": ".join(filter(None, (one.field, one.message(language)))) for one in self.problems]
        return "; ".join([*sentences, *refused])[:MAX_NOTE_LENGTH]


def note_of_hold(hold: Wait) -> Note:
    """Return the note on why the gate holds a message."""
    return Note(code=f"held_{hold.reason}", details=hold.details)


Notes = Note | str
"""Note of ours, or a provider's text, which stays as it is."""


def words_of_note(notes: Notes | None, language: Language) -> str | None:
    """Render a note; None if there is none."""
    return notes.words(language) if isinstance(notes, Note) else notes


def words_of_reason(code: str | None, provider_status: str, status: str, language: Language) -> str | None:
    """Render the reason why a provider event changed nothing; None if it changed something.

    Args:
        code: a key of `domain.texts.notes.REASONS`.
        provider_status: the event's own status.
        status: the interaction's status when the event came.
        language: of the text.
    """
    if code is None or code not in REASONS:
        return code
    return say(REASONS[code], language, {"provider_status": provider_status, "status": status})
