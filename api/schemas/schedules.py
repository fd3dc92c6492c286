"""When a message may go, on the wire."""

from api.schemas.common import Answer, Asked, Instant
from domain.clock import to_wire
from domain.gate.decision import Wait
from domain.gate.schedule import IGNORE, PlannedTime, Schedule, ScheduleRequest, Window
from domain.texts import chosen_language


class ScheduleChangeRequest(Asked, ScheduleRequest):
    """A change of the schedule of a held message: a field that is given replaces, null removes."""

    def applied_to(self, schedule: Schedule) -> ScheduleRequest:
        """Return the request that the change makes of a schedule."""
        before = ScheduleRequest(
            sendAt=_written(schedule.send_at),
            timeZone=_zone(schedule),
            expireAt=_written(schedule.expire_at),
            window=IGNORE if schedule.ignores_rules else schedule.window,
        )
        given = {name: getattr(self, name) for name in self.model_fields_set}
        # A validity is given in one way at a time.
        if "valid_for" in given:
            given.setdefault("expire_at", None)
        return before.model_copy(update=given)


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
            time_zone=_zone(schedule),
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


def _written(planned: PlannedTime | None) -> str | None:
    return None if planned is None else planned.local or to_wire(planned.instant)


def _zone(schedule: Schedule) -> str | None:
    zones = (planned.zone for planned in (schedule.send_at, schedule.expire_at) if planned is not None)
    return next((zone for zone in zones if zone is not None), schedule.known_zone)
