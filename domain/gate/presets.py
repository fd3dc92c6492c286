"""Presets of sending rules: hours that fit the laws and operators of a country, with their source and date.

They are not legal advice, and no tenant has one until it chooses it. They are about text messages: no statutory hours
were found for e-mail and WhatsApp.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal, NamedTuple

from domain.channels import Channel
from domain.gate.schedule import DAYS, Day
from domain.gate.sending_rules import SendingRule
from domain.texts import Forms, both

_WEEKDAYS: Final[Sequence[Day]] = DAYS[:5]
_READ: Final = date(2026, 11, 30)


class Preset(NamedTuple):
    """Rules of a country, with the reason for them.

    Attributes:
        kind: `law` names text messages or is applied to them, `operator` is what networks enforce, `calls` is a law
            about calls, which for text messages is prudence.
        sources: where the hours were read.
        read: when the sources were read.
    """

    rules: Sequence[SendingRule]
    kind: Literal["law", "operator", "calls"]
    sources: Sequence[str]
    read: date
    description: Forms


def _marketing(country: str, *hours: tuple[Sequence[Day], str, str]) -> list[SendingRule]:
    """Return the rules of a country for marketing by SMS and RCS, without its holidays."""
    windows = [{"days": [*days], "from": opens, "to": closes, "holidays": [country]} for days, opens, closes in hours]
    return [
        SendingRule.model_validate(
            {"country": country, "category": "marketing", "channel": channel, "windows": windows}
        )
        for channel in (Channel.SMS, Channel.RCS)
    ]


PRESETS: Final[Mapping[str, Preset]] = {
    "us-marketing": Preset(
        rules=_marketing("US", (_WEEKDAYS, "10:00", "18:00"), (["sat"], "10:00", "17:00"), (["sun"], "12:00", "17:00")),
        kind="law",
        sources=(
            "https://www.ecfr.gov/current/title-47/section-64.1200 (c)(1)",
            "https://support.referrizer.com (quiet hours of the TCPA and of the states)",
            "https://www.klaviyo.com/uk/glossary/what-is-mini-tcpa",
        ),
        read=_READ,
        description=both(
            "Horas que cumplen a la vez la norma federal y las de todos los estados; la federal sola es de 8 a 21",
            "Hours that fit the federal rule and those of every state at once; the federal one alone is 8 to 21",
        ),
    ),
    "fr-marketing": Preset(
        rules=_marketing("FR", (DAYS[:6], "08:30", "20:00")),
        kind="operator",
        sources=(
            "https://www.twilio.com/en-us/guidelines/fr/sms",
            "https://help.brevo.com (article 11884482521234)",
        ),
        read=_READ,
        description=both(
            "Horas que caben en la carta de los operadores (AF2M, de 8 a 22) y en las de los más estrictos",
            "Hours that fit the operators' charter (AF2M, 8 to 22) and those of the strictest of them",
        ),
    ),
    "es-marketing": Preset(
        rules=_marketing("ES", (_WEEKDAYS, "09:00", "21:00")),
        kind="calls",
        sources=("https://www.boe.es/buscar/act.php?id=BOE-A-2007-20555 (art. 96.2)",),
        read=_READ,
        description=both(
            "Horas de la ley para llamadas comerciales (TRLGDCU, art. 96.2); para mensajes es prudencia",
            "Hours of the law on commercial calls (TRLGDCU, art. 96.2); for text messages they are prudence",
        ),
    ),
}
"""Presets by their name."""
