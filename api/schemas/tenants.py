"""The tenant's own settings on the wire."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import Asked
from domain.gate.keywords import Keyword, folded, read_keyword
from domain.gate.opt_out_confirmation import LanguageCode
from domain.phone_numbers import COUNTRIES
from domain.texts import invalid_value
from models.access import Tenant
from wire.answer import Answer, Instant


def _country(text: str) -> str:
    code = text.strip().upper()
    if code and code not in COUNTRIES:
        raise PydanticCustomError("country", "an ISO 3166-1 code of two letters, such as ES")
    return code


MAX_OWN_KEYWORDS: Final = 50
"""Keywords of a tenant in one language and of one meaning."""


def _keyword(text: str) -> str:
    if not folded(text):
        raise invalid_value("necesita una letra o cifra", "it needs a letter or a digit")
    return text


OwnKeyword = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_keyword)]
ByLanguage = Annotated[
    dict[LanguageCode, Annotated[list[OwnKeyword], Field(max_length=MAX_OWN_KEYWORDS)]], Field(max_length=30)
]


class KeywordsChange(Asked):
    """Words by which the tenant's recipients opt out and in, by ISO 639 code of their language."""

    opt_out: ByLanguage = Field(default={}, alias="optOut", description="Opt-out keywords.")
    opt_in: ByLanguage = Field(default={}, alias="optIn", description="Opt-in keywords.")

    @model_validator(mode="after")
    def _check_meanings(self) -> Self:
        """No keyword of everybody's gets another meaning, and no word both."""
        outs = {folded(word) for words in self.opt_out.values() for word in words}
        for words in self.opt_in.values():
            for word in words:
                if folded(word) in outs or read_keyword(word).keyword is Keyword.OPT_OUT:
                    raise invalid_value(f"«{word}» es también una baja", f"{word!r} is an opt-out too")
        return self


class TenantChange(Asked):
    """What to change of the tenant; what is not named stays as it is."""

    inbound_to_closed: Literal["replace", "reopen"] | None = Field(
        default=None,
        alias="inboundToClosed",
        description="What a message does that comes from a user whose last process is closed: opens another "
        "(`replace`), or that one again (`reopen`).",
    )
    default_country: Annotated[str, AfterValidator(_country)] | None = Field(
        default=None,
        alias="defaultCountry",
        description="The country in which phone numbers without `+` or `00` are read first, by its ISO 3166-1 code, as "
        "`ES`; empty for none: then such a number needs its country code, and is refused if it is not valid with it.",
        examples=["ES"],
    )
    keywords: KeywordsChange | None = Field(
        default=None, description="Words by which recipients opt out and in, beside those of everybody; replaced whole."
    )


class KeywordsAnswer(Answer):
    """A tenant's keywords, by language."""

    opt_out: dict[str, list[str]]
    opt_in: dict[str, list[str]]


class TenantAnswer(Answer):
    """A tenant."""

    name: str
    inbound_to_closed: str
    default_country: str | None
    keywords: KeywordsAnswer
    created: Instant

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantAnswer":
        """The tenant as the answer shows it."""
        return cls.model_validate(tenant.model_dump(include=set(cls.model_fields)))
