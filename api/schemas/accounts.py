"""Accounts on the wire."""

from typing import Annotated, Final

from pydantic import Field

from api.schemas.common import Asked
from api.schemas.sessions import MAX_EMAIL_LENGTH
from domain.access import Caller, Operation, Role
from models.access import Account
from security.credential_encryption import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from wire.answer import Answer, Instant

AskedRole = Annotated[Role, Field(strict=False)]
NewPassword = Annotated[str, Field(min_length=MIN_PASSWORD_LENGTH, max_length=MAX_PASSWORD_LENGTH)]


class NewAccount(Asked):
    """Who shall have access."""

    email: str = Field(max_length=MAX_EMAIL_LENGTH)
    password: NewPassword
    role: AskedRole


class AccountChange(Asked):
    """What shall be otherwise; what is not given stays."""

    role: AskedRole | None = None
    disabled: bool | None = None
    password: NewPassword | None = Field(default=None, description="Ends the account's sessions.")


class PasswordChange(Asked):
    """One's own other password."""

    old_password: str = Field(alias="oldPassword", max_length=MAX_PASSWORD_LENGTH)
    new_password: NewPassword = Field(alias="newPassword")


class AccountAnswer(Answer):
    """Who has access."""

    id: str
    email: str
    role: Role
    disabled: bool
    created: Instant

    @classmethod
    def of(cls, account: Account) -> "AccountAnswer":
        """The account as the answer shows it."""
        return cls(
            id=account.id, email=account.email, role=account.role, disabled=account.disabled, created=account.created
        )


class OwnAccountAnswer(AccountAnswer):
    """Who calls."""

    tenant: str
    operations: list[Operation] = Field(description="What this call's token or key may do.")

    @classmethod
    def as_caller(cls, account: Account, caller: Caller) -> "OwnAccountAnswer":
        """The caller's account as the answer shows it."""
        shown = AccountAnswer.of(account).model_dump()
        return cls(**shown, tenant=caller.tenant, operations=sorted(caller.operations))


NEW_ACCOUNT_EXAMPLE: Final = {"email": "ana@demo.example", "password": "correct horse battery", "role": "operator"}
ACCOUNT_CHANGE_EXAMPLE: Final = {"role": "reader", "disabled": False}
PASSWORD_EXAMPLE: Final = {"oldPassword": "correct horse battery", "newPassword": "staple battery horse"}
ACCOUNT_EXAMPLE: Final = {
    "id": "6a1f0c9e3f0a4b7d8c2e5f00",
    "email": "ana@demo.example",
    "role": "operator",
    "disabled": False,
    "created": "2026-11-27T04:20:11.512Z",
}
