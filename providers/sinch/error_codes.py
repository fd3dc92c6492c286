"""Sinch's statuses and error codes, and their meanings.

Sinch adds codes without notice: an unlisted reason is `FailureClass.OTHER`, an unlisted status is recorded and not
applied.
"""

from collections.abc import Mapping
from typing import Final

from domain.channels import Channel
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.http import Ambiguity, ErrorMeaning

CHANNELS: Final[Mapping[str, Channel]] = {
    "RCS": Channel.RCS,
    "SMS": Channel.SMS,
    "WHATSAPP": Channel.WHATSAPP,
}
"""Our channels by Sinch's names (https://developers.sinch.com/docs/conversation/channel-support/)."""

STATUS_MAP: Final[Mapping[str, Milestone]] = {
    "queued_on_channel": Milestone.SENT,
    "delivered": Milestone.DELIVERED,
    "read": Milestone.READ,
    "failed": Milestone.FAILED,
    "switching_channel": Milestone.NONE,
}
"""Milestone of each `status` of a delivery report (https://developers.sinch.com/docs/conversation/callbacks/).

A switch to another channel decides nothing.
"""

FAILURES: Final[Mapping[str, FailureClass]] = {
    # Recipient
    "RECIPIENT_INVALID_CHANNEL_IDENTITY": FailureClass.DESTINATION,
    "RECIPIENT_NOT_REACHABLE": FailureClass.DESTINATION,
    "RECIPIENT_NOT_OPTED_IN": FailureClass.DESTINATION,
    "NO_CHANNELS_LEFT": FailureClass.DESTINATION,
    "CONTACT_NOT_FOUND": FailureClass.DESTINATION,
    "NO_CHANNEL_IDENTITY_FOR_CONTACT": FailureClass.DESTINATION,
    "NO_PROFILE_AVAILABLE": FailureClass.DESTINATION,
    "OUTSIDE_ALLOWED_SENDING_WINDOW": FailureClass.DESTINATION,
    # Content
    "MEDIA_TYPE_UNSUPPORTED": FailureClass.CONTENT,
    "MEDIA_TOO_LARGE": FailureClass.CONTENT,
    "MEDIA_NOT_REACHABLE": FailureClass.CONTENT,
    "TEMPLATE_NOT_FOUND": FailureClass.CONTENT,
    "TEMPLATE_INSUFFICIENT_PARAMETERS": FailureClass.CONTENT,
    "TEMPLATE_NON_EXISTING_LANGUAGE_OR_VERSION": FailureClass.CONTENT,
    "DELIVERY_REJECTED_DUE_TO_POLICY": FailureClass.CONTENT,
    "BAD_REQUEST": FailureClass.CONTENT,
    "UNSUPPORTED_OPERATION": FailureClass.CONTENT,
    "CHANNEL_REJECT": FailureClass.CONTENT,
    # Setup of the app and its channels
    "CHANNEL_BAD_CONFIGURATION": FailureClass.CONFIGURATION,
    "CHANNEL_CONFIGURATION_MISSING": FailureClass.CONFIGURATION,
    "UNKNOWN_APP": FailureClass.CONFIGURATION,
    "NO_PERMISSION": FailureClass.CONFIGURATION,
    # Rate limits
    "RATE_LIMITED": FailureClass.RATE,
    # Other: failures of Sinch or the channel, timeouts, and unknown causes
    "INTERNAL_ERROR": FailureClass.OTHER,
    "CHANNEL_FAILURE": FailureClass.OTHER,
    "DELIVERY_TIMED_OUT": FailureClass.OTHER,
    "UNKNOWN": FailureClass.OTHER,
}
"""Failure class of a message by the report's `reason.code`
(https://developers.sinch.com/docs/conversation/callbacks/#error-codes).
"""

MEANINGS: Final[Mapping[str, ErrorMeaning]] = {
    "INVALID_ARGUMENT": FailureClass.CONTENT,
    "OUT_OF_RANGE": FailureClass.CONTENT,
    "FAILED_PRECONDITION": FailureClass.CONFIGURATION,
    "NOT_FOUND": FailureClass.CONFIGURATION,  # no such app in this region
    "PERMISSION_DENIED": FailureClass.CONFIGURATION,  # no right to, or the billing limit is reached
    "UNAUTHENTICATED": FailureClass.CONFIGURATION,
    "RESOURCE_EXHAUSTED": Ambiguity.NOT_ACCEPTED,
    "ABORTED": Ambiguity.PERHAPS_ACCEPTED,
    "CANCELLED": Ambiguity.PERHAPS_ACCEPTED,
    "DATA_LOSS": Ambiguity.PERHAPS_ACCEPTED,
    "DEADLINE_EXCEEDED": Ambiguity.PERHAPS_ACCEPTED,
    "INTERNAL": Ambiguity.PERHAPS_ACCEPTED,
    "UNAVAILABLE": Ambiguity.PERHAPS_ACCEPTED,
    "UNIMPLEMENTED": Ambiguity.PERHAPS_ACCEPTED,
    "UNKNOWN": Ambiguity.PERHAPS_ACCEPTED,
}
"""Meaning of an error's `status` in the answer to a send
(https://developers.sinch.com/docs/conversation/api-reference/).

Sinch asks to repeat after 5xx, but recognises no repetition, so such a message may have been accepted.
"""
