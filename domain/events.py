"""News of a message: what is heard from its provider."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from domain.outcomes import Detail, FailureClass
from domain.status import Milestone


class ProviderEvent(BaseModel):
    """One piece of news that a provider tells about one message.

    Attributes:
        key: the same for every repetition of the same news, different for any other.
        word: the provider's own word, in lower case.
        milestone: what the word means; `NONE` for a word that means nothing to us, which is recorded and not applied.
        reference: our interaction id, where the provider gives it back.
        provider_message_id: the provider's id of the message.
        destination: the destination that the news is about, where the provider says so.
        occurred_at: when it happened, by the provider's clock.
        code: the provider's error code.
        failure: what kind of failure that code is.
        detail: the provider's own text, cut.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    word: str
    milestone: Milestone
    reference: str | None = None
    provider_message_id: str | None = None
    destination: str | None = None
    occurred_at: datetime | None = None
    code: str | None = None
    failure: FailureClass | None = None
    detail: Detail = ""
