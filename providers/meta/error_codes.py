"""Meanings of Meta's error codes on each channel.

A code includes its subcode, `10/2018278`, if that is more specific. Meta adds codes without notice: an unlisted one is
`FailureClass.OTHER`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from domain.outcomes import FailureClass
from providers.base import CoolDown, RateScope
from providers.http import Ambiguity, ErrorMeaning

_PERMISSIONS: Final = tuple(str(code) for code in range(200, 300))
"""«API Permission (multiple values depending on permission)»
(https://developers.facebook.com/docs/graph-api/guides/error-handling#errorcodes).
"""

WHATSAPP_FAILURES: Final[Mapping[str, FailureClass]] = {
    # Recipient
    "130472": FailureClass.DESTINATION,  # in an experiment of Meta's without marketing
    "130497": FailureClass.DESTINATION,  # a country that the business may not write to
    "131021": FailureClass.DESTINATION,  # the sender itself
    "131026": FailureClass.DESTINATION,  # not reachable: no WhatsApp, an old one, terms not accepted
    "131030": FailureClass.DESTINATION,  # not on the test number's list
    "131047": FailureClass.DESTINATION,  # has not written for 24 hours: a template is needed
    "131049": FailureClass.DESTINATION,  # Meta chose not to deliver («healthy ecosystem»)
    "131050": FailureClass.DESTINATION,  # wants no marketing
    "131062": FailureClass.DESTINATION,  # no business-scoped id
    # Content
    "100": FailureClass.CONTENT,  # bad parameter
    "131008": FailureClass.CONTENT,  # parameter missing
    "131009": FailureClass.CONTENT,  # bad value of a parameter
    "131051": FailureClass.CONTENT,  # message type not supported
    "131052": FailureClass.CONTENT,  # media not downloaded
    "131053": FailureClass.CONTENT,  # media not fetched from our link
    "132000": FailureClass.CONTENT,  # wrong number of parameters
    "132001": FailureClass.CONTENT,  # no such template in that language, or not approved
    "132005": FailureClass.CONTENT,  # template too long with its parameters
    "132007": FailureClass.CONTENT,  # template against the policy
    "132008": FailureClass.CONTENT,  # bad format of a parameter
    "132012": FailureClass.CONTENT,  # bad format of a parameter
    "132015": FailureClass.CONTENT,  # template paused
    "132016": FailureClass.CONTENT,  # template disabled
    "132018": FailureClass.CONTENT,  # parameters that do not fit the template
    "132068": FailureClass.CONTENT,  # flow blocked
    "132069": FailureClass.CONTENT,  # flow throttled
    "135000": FailureClass.CONTENT,  # bad parameter
    # Setup of the account, the number or the token
    **dict.fromkeys(_PERMISSIONS, FailureClass.CONFIGURATION),
    "0": FailureClass.CONFIGURATION,  # not authenticated
    "3": FailureClass.CONFIGURATION,  # the app may not
    "10": FailureClass.CONFIGURATION,  # permission missing
    "190": FailureClass.CONFIGURATION,  # token expired or not valid
    "368": FailureClass.CONFIGURATION,  # blocked for violations of the policy
    "131005": FailureClass.CONFIGURATION,  # access denied
    "131031": FailureClass.CONFIGURATION,  # account locked
    "131037": FailureClass.CONFIGURATION,  # display name not approved
    "131042": FailureClass.CONFIGURATION,  # payment method
    "131044": FailureClass.CONFIGURATION,  # payment method
    "131045": FailureClass.CONFIGURATION,  # certificate of the phone number
    "131063": FailureClass.CONFIGURATION,  # not allowed to the business
    "133000": FailureClass.CONFIGURATION,  # deregistration not finished
    "133004": FailureClass.CONFIGURATION,  # registration not available
    "133005": FailureClass.CONFIGURATION,  # wrong PIN
    "133006": FailureClass.CONFIGURATION,  # number not verified
    "133008": FailureClass.CONFIGURATION,  # too many wrong PINs
    "133009": FailureClass.CONFIGURATION,  # PINs tried too fast
    "133010": FailureClass.CONFIGURATION,  # number not registered
    "133015": FailureClass.CONFIGURATION,  # number deleted lately
    # Rate limits
    "4": FailureClass.RATE,  # calls of the app
    "80007": FailureClass.RATE,  # calls of the account
    "130429": FailureClass.RATE,  # messages of the number per second
    "131048": FailureClass.RATE,  # too many of its messages were blocked or flagged
    "131056": FailureClass.RATE,  # too many to the same user
    "133016": FailureClass.RATE,  # registrations of the number
}
"""Failure classes of WhatsApp messages by error code
(https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes).
"""

_WHATSAPP_NOT_ACCEPTED: Final = frozenset(
    {
        *(code for code, failure in WHATSAPP_FAILURES.items() if failure is FailureClass.RATE),
        "131016",  # service not available
        "131053",  # media not fetched from our link, which may have been down
        "131057",  # account in maintenance
    }
)

_WHATSAPP_PERHAPS_ACCEPTED: Final = frozenset(
    {
        "1",  # unknown error
        "2",  # service not available
        "131000",  # something went wrong
    }
)
"""Codes that leave open whether the message was sent; so does `is_transient`, which some of them carry."""

WHATSAPP_MEANINGS: Final[Mapping[str, ErrorMeaning]] = {
    **WHATSAPP_FAILURES,
    **dict.fromkeys(_WHATSAPP_NOT_ACCEPTED, Ambiguity.NOT_ACCEPTED),
    **dict.fromkeys(_WHATSAPP_PERHAPS_ACCEPTED, Ambiguity.PERHAPS_ACCEPTED),
}
"""Meaning of an error code in the answer to a WhatsApp message."""

WHATSAPP_COOL_DOWNS: Final[Mapping[str, CoolDown]] = {
    "4": CoolDown(),
    "80007": CoolDown(wait=timedelta(minutes=1)),
    "130429": CoolDown(),
    "131048": CoolDown(wait=timedelta(hours=4)),  # blocked or flagged messages: repeating makes it worse
    # «4^X seconds, X from 0» (https://developers.facebook.com/docs/whatsapp/cloud-api/overview, «Pair rate limits»)
    "131056": CoolDown(RateScope.RECIPIENT, factor=4),
    "131057": CoolDown(wait=timedelta(minutes=1)),  # the throughput is being raised
}
"""Pauses by error code."""

MESSENGER_COOL_DOWNS: Final[Mapping[str, CoolDown]] = {
    "4": CoolDown(),
    "4/2018354": CoolDown(),
    "9/2018352": CoolDown(RateScope.RECIPIENT),
    "613": CoolDown(),
}
"""Pauses by error code (https://developers.facebook.com/docs/messenger-platform/overview/rate-limiting)."""

MESSENGER_MEANINGS: Final[Mapping[str, ErrorMeaning]] = {
    # Recipient
    "10/2018278": FailureClass.DESTINATION,  # outside the window in which a page may write
    "100/33": FailureClass.DESTINATION,  # no such object
    "100/2018001": FailureClass.DESTINATION,  # no such user
    "551": FailureClass.DESTINATION,  # cannot be reached now, or has blocked the page
    # Content
    "100": FailureClass.CONTENT,  # bad parameter
    # Setup of the page, the app or the token
    **dict.fromkeys(_PERMISSIONS, FailureClass.CONFIGURATION),
    "3": FailureClass.CONFIGURATION,  # the app may not
    "10": FailureClass.CONFIGURATION,  # permission missing
    "10/1893063": FailureClass.CONFIGURATION,  # page restricted
    "190": FailureClass.CONFIGURATION,  # token expired or not valid
    "368": FailureClass.CONFIGURATION,  # blocked for violations of the policy
    # Certainly not sent
    "2": Ambiguity.NOT_ACCEPTED,  # service not available
    "2/2018344": Ambiguity.NOT_ACCEPTED,  # service not available
    "4": Ambiguity.NOT_ACCEPTED,  # calls of the app
    "4/2018354": Ambiguity.NOT_ACCEPTED,  # messages of the page
    "9/2018352": Ambiguity.NOT_ACCEPTED,  # messages to the same user
    "613": Ambiguity.NOT_ACCEPTED,  # calls of the page
    "1200": Ambiguity.NOT_ACCEPTED,  # temporary failure
    # Possibly sent
    "1": Ambiguity.PERHAPS_ACCEPTED,  # unknown error
    "1/99": Ambiguity.PERHAPS_ACCEPTED,  # unknown error
    "1/1357046": Ambiguity.PERHAPS_ACCEPTED,  # «invalid JSON reply», seen for messages that were sent
}
"""Meaning of an error code in the answer to a Messenger message
(https://developers.facebook.com/docs/messenger-platform/error-codes).

Messenger reports no failure later: these codes only answer a send.
"""
