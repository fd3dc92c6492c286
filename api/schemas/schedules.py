"""Changes of the schedule of a held message."""

from api.schemas.common import Asked
from domain.clock import to_wire
from domain.gate.schedule import IGNORE, PlannedTime, Schedule, ScheduleRequest
from wire.schedules import zone_of


class ScheduleChangeRequest(Asked, ScheduleRequest):
    """A change of the schedule of a held message: a field that is given replaces, null removes."""

    def applied_to(self, schedule: Schedule) -> ScheduleRequest:
        """Return the request that the change makes of a schedule."""
        before = ScheduleRequest(
            sendAt=_written(schedule.send_at),
            timeZone=zone_of(schedule),
            expireAt=_written(schedule.expire_at),
            window=IGNORE if schedule.ignores_rules else schedule.window,
        )
        given = {name: getattr(self, name) for name in self.model_fields_set}
        # A validity is given in one way at a time.
        if "valid_for" in given:
            given.setdefault("expire_at", None)
        return before.model_copy(update=given)


def _written(planned: PlannedTime | None) -> str | None:
    return None if planned is None else planned.local or to_wire(planned.instant)
