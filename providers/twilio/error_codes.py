"""Meanings of Twilio's error codes (https://www.twilio.com/docs/api/errors).

Codes from 20000 and 21000 refuse a send; codes from 30000 and 63000 come mostly with a later receipt. Twilio adds codes
without notice: an unlisted one is `FailureClass.OTHER`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from domain.outcomes import FailureClass
from providers.base import CoolDown
from providers.http import Ambiguity, ErrorMeaning

FAILURES: Final[Mapping[str, FailureClass]] = {
    # Recipient
    "21211": FailureClass.DESTINATION,  # not a phone number
    "21214": FailureClass.DESTINATION,  # cannot be reached
    "21217": FailureClass.DESTINATION,  # not a phone number
    "21401": FailureClass.DESTINATION,  # not a phone number
    "21604": FailureClass.DESTINATION,  # no destination
    "21608": FailureClass.DESTINATION,  # a trial account reaches only verified numbers
    "21610": FailureClass.DESTINATION,  # answered STOP
    "21612": FailureClass.DESTINATION,  # not reachable from this sender
    "21614": FailureClass.DESTINATION,  # not a mobile number
    "30003": FailureClass.DESTINATION,  # switched off or out of reach
    "30004": FailureClass.DESTINATION,  # blocked
    "30005": FailureClass.DESTINATION,  # unknown or no longer in use
    "30006": FailureClass.DESTINATION,  # landline
    "63003": FailureClass.DESTINATION,  # not an address of the channel
    "63014": FailureClass.DESTINATION,  # blocked by the user
    "63016": FailureClass.DESTINATION,  # has not written for 24 hours: a template is needed
    "63015": FailureClass.DESTINATION,  # has not joined the vendor's sandbox
    "63024": FailureClass.DESTINATION,  # not an address of the channel
    "63049": FailureClass.DESTINATION,  # Meta chose not to deliver: its 131049
    # Content
    "21602": FailureClass.CONTENT,  # no body
    "21617": FailureClass.CONTENT,  # over 1600 characters
    "21619": FailureClass.CONTENT,  # neither body nor media
    "21620": FailureClass.CONTENT,  # bad media URL
    "21621": FailureClass.CONTENT,  # sender without MMS
    "21622": FailureClass.CONTENT,  # MMS not enabled
    "21623": FailureClass.CONTENT,  # too many media
    "21654": FailureClass.CONTENT,  # unknown content template
    "21656": FailureClass.CONTENT,  # bad content variables
    "21658": FailureClass.CONTENT,  # bad parameters
    "30007": FailureClass.CONTENT,  # filtered
    "30011": FailureClass.CONTENT,  # MMS not taken there
    "30019": FailureClass.CONTENT,  # too large for the carrier
    "63005": FailureClass.CONTENT,  # refused by the channel
    "63013": FailureClass.CONTENT,  # against the channel's policy
    "63019": FailureClass.CONTENT,  # media not downloaded
    "63021": FailureClass.CONTENT,  # not valid for the channel
    "63026": FailureClass.CONTENT,  # spam
    "63027": FailureClass.CONTENT,  # no such template in that language
    "63028": FailureClass.CONTENT,  # wrong number of parameters
    "63034": FailureClass.CONTENT,  # media too large
    "63040": FailureClass.CONTENT,  # template rejected
    "63041": FailureClass.CONTENT,  # template paused
    "63042": FailureClass.CONTENT,  # template disabled
    # Setup of the account, the sender or the service
    "20001": FailureClass.CONFIGURATION,  # unknown parameters
    "20003": FailureClass.CONFIGURATION,  # not authenticated
    "20404": FailureClass.CONFIGURATION,  # no such account
    "20422": FailureClass.CONFIGURATION,  # bad parameter
    "21212": FailureClass.CONFIGURATION,  # not a sender of the channel
    "21408": FailureClass.CONFIGURATION,  # country not enabled
    "21603": FailureClass.CONFIGURATION,  # no sender
    "21606": FailureClass.CONFIGURATION,  # not a sender of the account
    "21607": FailureClass.CONFIGURATION,  # not a sender of the trial account
    "21609": FailureClass.CONFIGURATION,  # bad StatusCallback
    "21624": FailureClass.CONFIGURATION,  # bad ValidityPeriod
    "21659": FailureClass.CONFIGURATION,  # not a sender of the country
    "21660": FailureClass.CONFIGURATION,  # the sender is another account's
    "21701": FailureClass.CONFIGURATION,  # no such messaging service
    "21702": FailureClass.CONFIGURATION,  # the service cannot be used so
    "21703": FailureClass.CONFIGURATION,  # no sender of the service is available
    "21704": FailureClass.CONFIGURATION,  # the service has no senders
    "21705": FailureClass.CONFIGURATION,  # the service is not valid
    "30002": FailureClass.CONFIGURATION,  # account suspended
    "30018": FailureClass.CONFIGURATION,  # sender not registered
    "30024": FailureClass.CONFIGURATION,  # sender not provisioned
    "30032": FailureClass.CONFIGURATION,  # toll-free number not verified
    "30033": FailureClass.CONFIGURATION,  # 10DLC campaign suspended
    "30034": FailureClass.CONFIGURATION,  # 10DLC number not registered
    "30035": FailureClass.CONFIGURATION,  # 10DLC number being set up
    "63001": FailureClass.CONFIGURATION,  # the channel does not know the account
    "63002": FailureClass.CONFIGURATION,  # the channel does not know the sender
    "63007": FailureClass.CONFIGURATION,  # no such sender on the channel
    "63008": FailureClass.CONFIGURATION,  # channel set up wrongly
    "63051": FailureClass.CONFIGURATION,  # channel account restricted
    # Rate limits
    "14107": FailureClass.RATE,  # too many messages
    "20429": FailureClass.RATE,  # too many requests
    "21611": FailureClass.RATE,  # the sender's queue is full
    "30001": FailureClass.RATE,  # the queue overflowed
    "30017": FailureClass.RATE,  # carrier congested
    "30022": FailureClass.RATE,  # 10DLC throughput
    "30023": FailureClass.RATE,  # 10DLC daily limit
    "30027": FailureClass.RATE,  # 10DLC daily limit of the carrier
    "63017": FailureClass.RATE,  # the channel's throughput
    "63018": FailureClass.RATE,  # the channel's throughput
    "63038": FailureClass.RATE,  # the account's daily limit
}
"""Failure class of a message by error code."""

_NOT_ACCEPTED: Final = frozenset(
    {
        *(code for code, failure in FAILURES.items() if failure is FailureClass.RATE),
        "63010",  # Twilio's own error towards the channel
        "63012",  # the channel's own error
    }
)

_PERHAPS_ACCEPTED: Final = frozenset(
    {
        "20500",  # internal error
        "30008",  # unknown error
        "30410",  # timeout of the carrier: Twilio does not repeat it either
    }
)

COOL_DOWNS: Final[Mapping[str, CoolDown]] = {
    "14107": CoolDown(),
    "20429": CoolDown(),
    "21611": CoolDown(wait=timedelta(minutes=1)),
    "63017": CoolDown(),
    "63018": CoolDown(),
    "63038": CoolDown(wait=timedelta(hours=1)),
}
"""Pauses by error code."""

MEANINGS: Final[Mapping[str, ErrorMeaning]] = {
    **FAILURES,
    **dict.fromkeys(_NOT_ACCEPTED, Ambiguity.NOT_ACCEPTED),
    **dict.fromkeys(_PERHAPS_ACCEPTED, Ambiguity.PERHAPS_ACCEPTED),
}
"""Meaning of an error code in the answer to a send.

A request over a limit is never processed, so it may be repeated (https://www.twilio.com/docs/api/errors/20429).
"""
