"""Opt-outs that providers report."""

from typing import NamedTuple

from domain.gate.consent import ConsentCategory, ConsentSource


class OptOut(NamedTuple):
    """What a provider's answer or event says about a recipient who takes no more messages.

    Attributes:
        category: the messages that it is about.
        is_of_channel: whether it is about all senders of the channel, as of an address that does not exist; else about
            the integration.
        is_soft: whether it is only counted, as a message that is returned although the address may work: several
            pause the address.
    """

    category: ConsentCategory
    source: ConsentSource
    is_of_channel: bool = False
    is_soft: bool = False
