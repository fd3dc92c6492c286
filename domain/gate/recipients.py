"""Recipients of a message, as the rules about consent and reach see them."""

from collections.abc import Sequence
from typing import NamedTuple

from domain.destinations import Destination
from domain.gate.category import Category
from domain.interaction import IntegrationReference


class Recipients(NamedTuple):
    """To whom a message goes, through which integration and why.

    Attributes:
        destinations: in the order of the caller; those of erased users are empty, and no rule is about them.
        is_forced: whether it is sent to destinations that opted out.
    """

    tenant: str
    integration: IntegrationReference
    destinations: Sequence[Destination]
    category: Category
    is_forced: bool
