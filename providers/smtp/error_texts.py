"""Failure classes by a server's texts, for statuses that say little."""

import re
from collections.abc import Sequence
from typing import Final

from domain.outcomes import FailureClass
from providers.smtp.responses import class_of_enhanced_code

MAX_DIAGNOSIS_LENGTH: Final = 2_000
"""Characters that are read of a server's text."""

_WORDS: Final[Sequence[tuple[FailureClass, str]]] = (
    (FailureClass.OTHER, r"retry time(?:out)? |expired|timed? ?out|for too long|queue too long"),
    (FailureClass.RATE, r"too many (?:\w+ ){0,3}(?:connection|session|message|recipient|mail|concurrent)s?"),
    (
        FailureClass.RATE,
        (
            r"frequency limited|throttl|unusual rate|unexpected volume"
            r"|at a rate that|too (?:fast|quickly|frequently)|flood"
        ),
    ),
    (FailureClass.RATE, r"(?:rate|connection|sending|frequency|daily|hourly) ?(?:frequency )?(?:limit|quota)"),
    (
        FailureClass.CONTENT,
        r"(?:duplicate|missing|invalid|multiple|bad).{0,30}headers?|header error|multiple addresses in",
    ),
    (FailureClass.CONTENT, r"black ?-?listed url|rejected due to spam|spam classification|(?:spam|virus)signature"),
    (FailureClass.CONFIGURATION, r"black ?-?list|block ?-?list|\b[dr](?:ns)?bls?\b|spamhaus|spamcop|reputation"),
    (
        FailureClass.CONFIGURATION,
        r"sender.{0,30}(?:reject|denied|invalid|unknown|verif|not exist|not allowed)",
    ),
    (
        FailureClass.CONFIGURATION,
        r"\b(?:ip|client|host)s?\b(?: address)?.{0,40}(?:blocked|banned|denied|refused|not allowed)",
    ),
    (FailureClass.CONFIGURATION, r"reverse dns|\bptr\b|\brdns\b|\bdmarc\b|\bspf\b|\bdkim\b|authenticat|\brelaying\b"),
    (FailureClass.CONFIGURATION, r"address is not verified|policy reasons|valid sender domain|mismatch\w* client"),
    (FailureClass.DESTINATION, r"user ?unknown|unknown ?user|no such (?:user|recipient|mailbox|address|person)"),
    (
        FailureClass.DESTINATION,
        r"recipient (?:address )?rejected|(?:mailbox|inbox|disk|storage).{0,20}(?:quota|exceed)",
    ),
    (FailureClass.DESTINATION, r"mailbox.{0,20}full|over ?-?quota|quota exceed"),
    (FailureClass.OTHER, r"(?:connection|network) (?:refused|reset|lost|dropped|error)|lost connection|no route to"),
    (FailureClass.OTHER, r"(?:unable|failed|wasn'?t able|couldn'?t|cannot) (?:to )?(?:establish|connect|contact|open)"),
    (FailureClass.OTHER, r"not accept (?:our|the) requests? to connect|insufficient (?:disk|system)|disk (?:is )?full"),
    (FailureClass.OTHER, r"temporarily (?:unavailable|deferred)|try (?:again )?later|internal error"),
    (
        FailureClass.CONTENT,
        r"(?:message|mail|size|attachment|file).{0,30}(?:too (?:large|big|long)|larger than|oversize)",
    ),
    (
        FailureClass.CONTENT,
        r"(?:message|mail|file|maximum).{0,20}size.{0,30}(?:exceed|limit)|exceed\w* .{0,30}(?:maximum|size)",
    ),
    (
        FailureClass.CONTENT,
        r"\bspam|virus|malware|phishing|infected|junk mail|unsolicited|suspicious|harmful|line limit",
    ),
    (
        FailureClass.CONTENT,
        r"message content|rfc ?5322|not (?:rfc )?compliant|bare (?:lf|cr)\b|banned file|content reject",
    ),
    (
        FailureClass.DESTINATION,
        (
            r"(?:user|recipient|mailbox|account|address|addressee|customer|alias|name|person|userid)s?\b.{0,60}?\b"
            r"(?:unknown|invalid|unavailable|inactive|disabled|suspended|rejected|exists?|not found|full|closed|frozen"
            r"|deactivated|terminated|not listed|not local|over|exceed\w*|moved|blocked|deleted|removed|not valid"
            r"|discontinued|locked|bloque|not our customer)\b"
        ),
    ),
    (
        FailureClass.DESTINATION,
        (
            r"\b(?:unknown|invalid|bad|no such|inactive|illegal|disabled|unroute?able|undeliverable|not our|no)\W+"
            r"(?:\w+ ){0,2}(?:user|recipient|mailbox|account|address|alias|customer|host|domain|person|local)"
        ),
    ),
    (
        FailureClass.DESTINATION,
        (
            r"(?:host|domain|name server|server|\bmx\b|dns).{0,60}(?:unknown|not found|not exist|nxdomain|not be found"
            r"|not reachable|not accept (?:mail|any))"
        ),
    ),
    (
        FailureClass.DESTINATION,
        (
            r"(?:does(?: not|n'?t)|do not|no longer|not|never) (?:\w+ ){0,3}(?:exist|valid|active|available)"
            r"|doesn'?t have an?|\bnull ?mx\b|final delivery|not a (?:registered|known)|name service error"
        ),
    ),
    (
        FailureClass.CONFIGURATION,
        r"not authori[sz]ed|not permitted|polic(?:y|ies)|not allowed|certificate|\btls\b|permission",
    ),
    (
        FailureClass.CONFIGURATION,
        r"restricted|denied|prohibited|refused|blocked|violation|improper|not implemented|\breject",
    ),
)
"""Phrases of servers in order of priority: specific ones before ambiguous ones."""

_CLASSES: Final = tuple((failure, re.compile(words, re.IGNORECASE)) for failure, words in _WORDS)

_TYPE: Final = re.compile(r"\s*[\w.-]{1,40}\s*;\s*")
"""Type of the server (RFC 3464 §2.1.2), which does not help classification."""

_VAGUE: Final = re.compile(r"[245]\.(?:7\.[01]|1\.0|2\.0|4\.[014]|6\.0|7\.13)")
"""Codes that servers use for any refusal, so that the text is more specific."""

_CODE: Final = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])", re.ASCII)


def failure_class(status: str, said: str) -> FailureClass:
    """Classify a failure: by its status, else by the codes and phrases in the server's text.

    Args:
        status: the enhanced status code of the report; empty if it has none.
        said: the server's text, or else the bounce.
    """
    text = " ".join(_TYPE.sub("", said[:MAX_DIAGNOSIS_LENGTH], count=1).split())
    codes = [code for code in (status, *_CODE.findall(text)) if class_of_enhanced_code(code) is not None]
    precise = next((code for code in codes if not _VAGUE.fullmatch(code)), None)
    if precise is not None:
        return class_of_enhanced_code(precise) or FailureClass.OTHER
    by_words = next((failure for failure, words in _CLASSES if words.search(text)), None)
    return by_words or (class_of_enhanced_code(codes[0]) if codes else None) or FailureClass.OTHER
