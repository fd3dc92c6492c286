"""Common fields of Sinch's delivery reports and inbound messages."""

from pydantic import AwareDatetime

from domain.destinations import Destination, reported
from providers.lenient import Id, Optional, Part, ShortText
from providers.sinch.error_codes import CHANNELS

Moment = Optional[AwareDatetime]
"""Time; an invalid one counts as absent, so that no event is lost over it."""


class ChannelIdentity(Part):
    """An end user on a channel."""

    channel: ShortText
    identity: Id

    def destination(self) -> Destination | None:
        """Return the end user as a destination of ours; None on a channel that is not ours.

        Raises:
            InvalidDestinationError: if the identity is empty.
        """
        channel = CHANNELS.get(self.channel)
        if channel is None:
            return None
        return reported(channel, self.identity)
