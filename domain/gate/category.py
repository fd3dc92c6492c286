"""Category of a message: why it is sent, which decides the opt-outs that it respects."""

from enum import StrEnum


class Category(StrEnum):
    """Why a message is sent."""

    AUTHENTICATION = "authentication"
    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"
