"""Errors that refuse a request.

```
IrisError
├── InvalidRequestError       the request is invalid (each problem names its field)
├── UnauthenticatedError      the caller is not authenticated
├── ForbiddenError            the caller is not allowed to do this
├── NotFoundError             the resource does not exist in the caller's tenant
├── ConflictError             the request contradicts an earlier one
├── OverloadedError           Iris is at its concurrency limit; nothing was started
├── TooManyRequestsError      the caller exceeds its rate limit
└── UnavailableError          a component of Iris does not answer; nothing was half-done
```
"""

from collections.abc import Sequence
from datetime import timedelta

from domain.problems import Problem


class IrisError(Exception):
    """Request that Iris refuses.

    Attributes:
        problems: every reason.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field} {problem.code}" for problem in problems))
        self.problems = tuple(problems)


class InvalidRequestError(IrisError):
    """The request is invalid."""


class UnauthenticatedError(IrisError):
    """The caller is not authenticated."""


class ForbiddenError(IrisError):
    """The caller is not allowed to do this."""


class NotFoundError(IrisError):
    """The resource does not exist in the caller's tenant."""


class ConflictError(IrisError):
    """The request contradicts an earlier one."""


class OverloadedError(IrisError):
    """Iris is at its concurrency limit; nothing was started.

    Attributes:
        retry_after: the wait before a new attempt.
    """

    def __init__(self, retry_after: timedelta = timedelta(seconds=2)) -> None:
        super().__init__([Problem(field="", code="overloaded")])
        self.retry_after = retry_after


class TooManyRequestsError(IrisError):
    """The caller exceeds its rate limit.

    Attributes:
        retry_after: the wait before a new attempt.
    """

    def __init__(self, retry_after: timedelta, code: str = "too_many_requests") -> None:
        super().__init__([Problem(field="", code=code)])
        self.retry_after = retry_after


class UnavailableError(IrisError):
    """A component of Iris does not answer.

    Attributes:
        retry_after: the wait before a new attempt.
    """

    def __init__(self, part: str, retry_after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__([Problem(field="", code="unavailable", details={"part": part})])
        self.retry_after = retry_after
