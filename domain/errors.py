"""What Iris says no with.

```
IrisError
├── InvalidRequestError       what the caller sent is wrong (each problem names its field)
├── UnauthenticatedError      who calls is not known
├── ForbiddenError            who calls may not do this
├── NotFoundError             there is no such thing in the caller's tenant
├── ConflictError             the request contradicts an earlier one
├── OverloadedError           more is asked at once than Iris takes on; nothing was begun
├── TooManyRequestsError      who calls asks more often than it may
└── UnavailableError          a part of Iris does not answer; nothing was half-done
```
"""

from collections.abc import Sequence
from datetime import timedelta

from domain.problems import Problem


class IrisError(Exception):
    """A request that Iris refuses.

    Attributes:
        problems: every reason.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field} {problem.code}" for problem in problems))
        self.problems = tuple(problems)


class InvalidRequestError(IrisError):
    """What the caller sent is wrong."""


class UnauthenticatedError(IrisError):
    """Who calls is not known."""


class ForbiddenError(IrisError):
    """Who calls may not do this."""


class NotFoundError(IrisError):
    """There is no such thing in the caller's tenant."""


class ConflictError(IrisError):
    """The request contradicts an earlier one."""


class OverloadedError(IrisError):
    """More is asked of Iris at once than it takes on; nothing was begun.

    Attributes:
        retry_after: when to ask again.
    """

    def __init__(self, retry_after: timedelta = timedelta(seconds=2)) -> None:
        super().__init__([Problem(field="", code="overloaded")])
        self.retry_after = retry_after


class TooManyRequestsError(IrisError):
    """Who calls asks more often than it may.

    Attributes:
        retry_after: when to ask again.
    """

    def __init__(self, retry_after: timedelta, code: str = "too_many_requests") -> None:
        super().__init__([Problem(field="", code=code)])
        self.retry_after = retry_after


class UnavailableError(IrisError):
    """A part of Iris does not answer.

    Attributes:
        retry_after: when to ask again.
    """

    def __init__(self, part: str, retry_after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__([Problem(field="", code="unavailable", details={"part": part})])
        self.retry_after = retry_after
