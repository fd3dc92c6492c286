"""When a message may go, and why it is held."""

from domain.gate.decision import Wait
from domain.gate.schedule import IGNORE, Schedule, Window
from domain.texts import chosen_language
from wire.answer import Answer, Instant


class ScheduleAnswer(Answer):
    """When a message may go."""

    send_at: Instant | None
    send_at_local: str | None
    expire_at: Instant | None
    time_zone: str | None
    window: Window | str | None

    @classmethod
    def of(cls, schedule: Schedule | None) -> "ScheduleAnswer | None":
        """The schedule as the answer shows it."""
        if schedule is None:
            return None
        send_at, expire_at = schedule.send_at, schedule.expire_at
        return cls(
            send_at=send_at.instant if send_at else None,
            send_at_local=send_at.local if send_at else None,
            expire_at=expire_at.instant if expire_at else None,
            time_zone=zone_of(schedule),
            window=IGNORE if schedule.ignores_rules else schedule.window,
        )


class HoldAnswer(Answer):
    """Why the gate holds a message, and until when."""

    reason: str
    until: Instant
    explanation: str

    @classmethod
    def of(cls, hold: Wait | None) -> "HoldAnswer | None":
        """The hold as the answer shows it, in the language of who is answered."""
        if hold is None:
            return None
        return cls(reason=hold.reason, until=hold.until, explanation=hold.sentence(chosen_language()))


def zone_of(schedule: Schedule) -> str | None:
    """Return the time zone that a schedule shows."""
    zones = (planned.zone for planned in (schedule.send_at, schedule.expire_at) if planned is not None)
    return next((zone for zone in zones if zone is not None), schedule.known_zone)
