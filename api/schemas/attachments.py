"""Attachments on the wire."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from models.attachment import Attachment
from wire.answer import Answer, Instant


class UploadQuery(BaseModel):
    """What a file is called and is."""

    model_config = ConfigDict(alias_generator=to_camel)

    file_name: str = Field(min_length=1, max_length=1_000, description="What the file is called.")
    media_type: str | None = Field(
        default=None, max_length=200, description="What type it has, for clients that cannot say it in `Content-Type`."
    )


class AttachmentAnswer(Answer):
    """An uploaded file: all but its contents."""

    id: str
    file_name: str
    media_type: str
    size: int
    sha256: str
    author_id: str
    created: Instant
    expires: Instant | None

    @classmethod
    def of(cls, attachment: Attachment) -> "AttachmentAnswer":
        """The attachment as the answer shows it."""
        return cls.model_validate(attachment.model_dump(include=set(cls.model_fields)))
