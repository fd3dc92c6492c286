"""Meanings of Vonage's error codes (https://developer.vonage.com/en/api-errors/messages).

Numbers refuse a send or come with a later receipt; names refuse a send. The classes are those of `providers.md` §2.3,
where content includes everything that a network does not carry. An unlisted code is `FailureClass.OTHER`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from domain.outcomes import FailureClass
from providers.base import CoolDown, RateScope
from providers.http import Ambiguity, ErrorMeaning

JWT_EXPIRED: Final = "jwt-expired"
"""Refusal of an expired JWT, before anything is sent."""

FAILURES: Final[Mapping[str, FailureClass]] = {
    # Recipient
    "1050": FailureClass.DESTINATION,  # barred by Vonage
    "1170": FailureClass.DESTINATION,  # no such recipient
    "1180": FailureClass.DESTINATION,  # out of reach for now
    "1210": FailureClass.DESTINATION,  # the carrier's filter
    "1220": FailureClass.DESTINATION,  # busy
    "1240": FailureClass.DESTINATION,  # answered STOP
    "1250": FailureClass.DESTINATION,  # no route
    "1251": FailureClass.DESTINATION,  # no route by the account's rules
    "1300": FailureClass.DESTINATION,  # no user of the channel
    "1310": FailureClass.DESTINATION,  # the device cannot receive it
    "1340": FailureClass.DESTINATION,  # has not written for 24 hours: a template is needed
    "1470": FailureClass.DESTINATION,  # Fraud Defender: traffic rule
    "1472": FailureClass.DESTINATION,  # Fraud Defender: burst
    "1473": FailureClass.DESTINATION,  # Fraud Defender: inflated traffic
    "1474": FailureClass.DESTINATION,  # Fraud Defender: country
    "1475": FailureClass.DESTINATION,  # Fraud Defender: network
    "1476": FailureClass.DESTINATION,  # on a list of numbers that never originate
    # Content, including what a network does not carry
    "1010": FailureClass.CONTENT,  # a parameter is missing
    "1020": FailureClass.CONTENT,  # a parameter is wrong
    "1021": FailureClass.CONTENT,  # no such tag
    "1022": FailureClass.CONTENT,  # template or its parameters
    "1130": FailureClass.CONTENT,  # TTL
    "1140": FailureClass.CONTENT,  # a facility that the account lacks
    "1150": FailureClass.CONTENT,  # message class
    "1160": FailureClass.CONTENT,  # not among the permitted numbers
    "1190": FailureClass.CONTENT,  # the number is no longer active
    "1200": FailureClass.CONTENT,  # the number was ported
    "1260": FailureClass.CONTENT,  # unreachable
    "1270": FailureClass.CONTENT,  # the subscriber's age
    "1280": FailureClass.CONTENT,  # blocked by the carrier
    "1282": FailureClass.CONTENT,  # blocked by the channel
    "1290": FailureClass.CONTENT,  # the subscriber's credit
    "1350": FailureClass.CONTENT,  # fee for phone matching
    "1380": FailureClass.CONTENT,  # media not downloaded
    "1381": FailureClass.CONTENT,  # media too large
    "1382": FailureClass.CONTENT,  # type of media
    "1400": FailureClass.CONTENT,  # channel
    "1410": FailureClass.CONTENT,  # the channel's parameters
    "1420": FailureClass.CONTENT,  # `from` is none of the channel
    "1430": FailureClass.CONTENT,  # `to` is none of the channel
    "1431": FailureClass.CONTENT,  # several recipients
    "1440": FailureClass.CONTENT,  # not a type of the channel
    "1450": FailureClass.CONTENT,  # `client_ref`
    "1451": FailureClass.CONTENT,  # the message that it answers is not known
    "1484": FailureClass.CONTENT,  # regulation
    "2001": FailureClass.CONTENT,  # the channel's protection against fraud
    "2002": FailureClass.CONTENT,  # too large
    "2003": FailureClass.CONTENT,  # the recipient is suppressed
    # Setup of the account, the sender or the application
    "1040": FailureClass.CONFIGURATION,  # the platform cannot process it
    "1060": FailureClass.CONFIGURATION,  # account barred
    "1080": FailureClass.CONFIGURATION,  # account not enabled for HTTP
    "1090": FailureClass.CONFIGURATION,  # binary message too long
    "1120": FailureClass.CONFIGURATION,  # sender not permitted there
    "1242": FailureClass.CONFIGURATION,  # no such pool of numbers
    "1330": FailureClass.CONFIGURATION,  # refused by the channel for good
    "1370": FailureClass.CONFIGURATION,  # the page's token expired at Vonage
    "1480": FailureClass.CONFIGURATION,  # `entity_id`
    "1481": FailureClass.CONFIGURATION,  # sender not registered
    "1482": FailureClass.CONFIGURATION,  # `content_id`
    "1483": FailureClass.CONFIGURATION,  # consent not registered
    "account-suspended": FailureClass.CONFIGURATION,
    "invalid-json": FailureClass.CONFIGURATION,
    JWT_EXPIRED: FailureClass.CONFIGURATION,
    "low-balance": FailureClass.CONFIGURATION,
    "unathorized": FailureClass.CONFIGURATION,  # so spelt in the API's description
    "unauthorized": FailureClass.CONFIGURATION,
    "unprovisioned": FailureClass.CONFIGURATION,
    # Rate limits
    "1000": FailureClass.RATE,  # the account's throughput
    "1070": FailureClass.RATE,  # the channel's quota
    "1241": FailureClass.RATE,  # too many to the same number
    "1460": FailureClass.RATE,  # daily limit
    "1461": FailureClass.RATE,  # the channel's limit for one user
    # Nothing to change
    "1030": FailureClass.OTHER,  # internal error
    "1100": FailureClass.OTHER,  # not submitted: communication failed
    "1230": FailureClass.OTHER,  # the network failed for a while
    "1331": FailureClass.OTHER,  # the channel does not answer
    "1360": FailureClass.OTHER,  # expired before it could be delivered
}
"""Failure class of a message by error code."""

_NOT_ACCEPTED: Final = frozenset(
    {
        *(code for code, failure in FAILURES.items() if failure is FailureClass.RATE),
        "1030",
        "1100",
        "1180",
        "1220",
        "1230",
        "1331",
    }
)

_PERHAPS_ACCEPTED: Final = frozenset(
    {
        "1320",  # the message was already sent
        "1490",  # not every segment was confirmed in time: Vonage does not know either
    }
)

MEANINGS: Final[Mapping[str, ErrorMeaning]] = {
    **FAILURES,
    **dict.fromkeys(_NOT_ACCEPTED, Ambiguity.NOT_ACCEPTED),
    **dict.fromkeys(_PERHAPS_ACCEPTED, Ambiguity.PERHAPS_ACCEPTED),
}
"""Meaning of an error code in the answer to a send."""

COOL_DOWNS: Final[Mapping[str, CoolDown]] = {
    "1000": CoolDown(),
    "1070": CoolDown(wait=timedelta(hours=1)),
    "1241": CoolDown(RateScope.RECIPIENT, wait=timedelta(minutes=1)),
    "1460": CoolDown(wait=timedelta(hours=1)),
    "1461": CoolDown(RateScope.RECIPIENT, wait=timedelta(minutes=1)),
}
"""Pauses by error code."""

UNCERTAIN: Final = _PERHAPS_ACCEPTED | {"1331"}
"""Codes of receipts that leave the delivery unknown, whatever their status."""
