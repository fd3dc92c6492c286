"""Counts that a message adds to, by the tenant's velocity limits and the countries that it monitors."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from domain.channels import Channel
from domain.destinations import Destination, DestinationKind, country_of
from domain.gate.category import Category
from domain.gate.reach import OTHERS, ReachSettings, verdict_on
from domain.gate.velocity import DAY, NO_LIMITS, Counter, LimitAction, Per, VelocityLimits, period_begin, prefix_of


def counters_of(
    destinations: Sequence[Destination], channel: Channel, category: Category, reach: ReachSettings, now: datetime
) -> list[Counter]:
    """Return the counts that a message adds to: none without velocity limits and monitored countries.

    Only messages to phone numbers count, and for the velocity limits only those of the category `authentication`.
    """
    limits = reach.velocity if category is Category.AUTHENTICATION else NO_LIMITS
    is_monitoring = any(verdict == "monitor" for rule in reach.rules for verdict in rule.countries.values())
    if not (limits.model_fields_set or is_monitoring):
        return []
    counters: list[Counter] = []
    for position, destination in enumerate(destinations):
        if destination.key is not DestinationKind.PHONE_NUMBER:
            continue
        country = country_of(destination)
        counters += _by_velocity(position, destination, country or OTHERS, limits, now)
        if is_monitoring and verdict_on(country, channel, category, reach.rules) == "monitor":
            counters.append(
                Counter(
                    position=position,
                    per=Per.MONITORED,
                    subject=country or OTHERS,
                    begins=period_begin(now, DAY),
                    period=DAY,
                    limit=reach.monitored_per_day,
                    action=LimitAction.MONITOR,
                )
            )
    return counters


def _by_velocity(
    position: int, destination: Destination, country: str, limits: VelocityLimits, now: datetime
) -> Iterator[Counter]:
    number = destination.normal_form
    for per, subject, limit in (
        (Per.DESTINATION, number, limits.destination),
        (Per.PREFIX, prefix_of(number), limits.prefix),
    ):
        if limit is not None:
            begins = period_begin(now, limit.period)
            yield Counter(position, per, subject, begins, limit.period, limit.limit, limit.action)
    if limits.country is not None:
        begins, of_country = period_begin(now, DAY), limits.country
        yield Counter(
            position, Per.COUNTRY, country, begins, DAY, of_country.at_least, of_country.action, of_country.times
        )
