"""Options that say when a message may go."""

import json
from typing import Annotated, Any

import typer

from cli.client import fail

SendAt = Annotated[
    str | None,
    typer.Option(help="When to send it: 2027-03-28T09:00:00Z, or 2027-03-28T09:00 with --time-zone."),
]
TimeZone = Annotated[
    str | None, typer.Option(help="The zone of local times: an IANA name, or recipient for each recipient's own.")
]
ExpireAt = Annotated[str | None, typer.Option(help="From when it is not sent any more; written as --send-at is.")]
ValidFor = Annotated[str | None, typer.Option(help="For how long it may be sent: an ISO 8601 duration, such as PT10M.")]
WindowOption = Annotated[
    str | None,
    typer.Option(
        metavar="JSON|ignore",
        help='The only hours in which it may go, as JSON: {"days": ["mon"], "from": "09:00", "to": "20:00"}; or ignore'
        " for any hour.",
    ),
]

InOrder = Annotated[
    bool | None,
    typer.Option(
        "--in-order/--any-order",
        help="Send a message after the messages in order before it in its process; else the process decides.",
    ),
]
OrderAfter = Annotated[
    str | None, typer.Option(help="With --in-order: what the message before it must have reached, sent or delivered.")
]
OrderTimeout = Annotated[
    str | None, typer.Option(help="With --in-order: the longest wait for it, an ISO 8601 duration such as PT15M.")
]
StopOnFailure = Annotated[
    bool, typer.Option("--stop-on-failure", help="With --in-order: never send it once the message before it failed.")
]


def order_of(
    in_order: bool | None, order_after: str | None, order_timeout: str | None, *, stop_on_failure: bool
) -> dict[str, Any]:
    """Return the fields of a request for the options of the order that are given."""
    fields = {
        "inOrder": in_order,
        "orderAfter": order_after,
        "orderTimeout": order_timeout,
        "stopOnFailure": stop_on_failure or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def schedule_of(
    send_at: str | None, time_zone: str | None, expire_at: str | None, valid_for: str | None, window: str | None
) -> dict[str, Any]:
    """Return the fields of a request for the options that are given."""
    fields = {
        "sendAt": send_at,
        "timeZone": time_zone,
        "expireAt": expire_at,
        "validFor": valid_for,
        "window": _window(window),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _window(text: str | None) -> Any:  # noqa: ANN401 - any JSON
    if text is None or text == "ignore":
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        fail(f"--window is neither JSON nor ignore: {error}", 2)
