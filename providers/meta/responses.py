"""Meta's answers to a send: the error format is the same on both channels.

https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from domain.outcomes import Accepted
from providers.base import CoolDown
from providers.http import ErrorBody, ErrorMeaning, ResponseMapping

_NO_PAUSES: Final[Mapping[str, CoolDown]] = {}


def response_mapping(
    accepted: Callable[[Any], Accepted | None],
    meanings: Mapping[str, ErrorMeaning],
    cool_downs: Mapping[str, CoolDown] = _NO_PAUSES,
) -> ResponseMapping:
    """Return the response mapping of one channel.

    Args:
        accepted: reads the channel's success.
        meanings: the channel's error codes.
        cool_downs: the channel's pauses by code.
    """

    def error_body(body: Any) -> ErrorBody | None:  # noqa: ANN401 - arbitrary JSON from the provider
        error = body["error"]
        code = code_of(error, meanings)
        return None if code is None else ErrorBody(code, detail_of(error))

    return ResponseMapping(accepted, error_body, meanings, cool_downs)


def code_of(error: Mapping[str, Any], meanings: Mapping[str, ErrorMeaning]) -> str | None:
    """Return the code of an error, with its subcode if the pair has a meaning; None if it has none."""
    code = error.get("code")
    if isinstance(code, bool) or not isinstance(code, int | str):
        return None
    whole = f"{code}/{error.get('error_subcode')}"
    return whole if whole in meanings else str(code)


def detail_of(error: Mapping[str, Any]) -> str:
    """Return an error's text: its details if it has some, since Meta advises against relying on titles."""
    data = error.get("error_data")
    details = cast("dict[str, Any]", data).get("details") if isinstance(data, dict) else None
    texts: tuple[object, ...] = (details, error.get("message"), error.get("title"))
    return next((text for text in texts if isinstance(text, str) and text), "")
