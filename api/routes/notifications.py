"""Routes for webhook notifications and their redelivery."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.lookup import get_or_404
from api.http.openapi import refusals
from api.http.pagination import AskedPage, page
from api.schemas.common import Page
from api.schemas.notifications import NotificationAnswer, NotificationLineAnswer
from api.state import State
from domain.access import Caller, Operation
from domain.errors import InvalidRequestError
from domain.identifiers import Id
from domain.problems import Problem
from domain.webhook_events import NotificationState, WebhookEventType
from models.audit import write_audit
from models.notification import Notification, SuspendedHost
from queries.cursor import Cursor
from temporal.notifications import begin, cancel

router = APIRouter(tags=["notifications"])


@router.get(
    "/v1/notifications",
    summary="List notifications",
    response_model=Envelope[Page[NotificationLineAnswer]],
    responses=refusals(422),
)
async def list_notifications(  # noqa: PLR0913 - one parameter for each filter
    caller: Annotated[Caller, allowed(Operation.WEBHOOKS_READ)],
    asked: AskedPage,
    *,
    integration_id: Annotated[Id | None, Query(alias="integrationId")] = None,
    interaction_id: Annotated[Id | None, Query(alias="interactionId")] = None,
    event: WebhookEventType | None = None,
    state: NotificationState | None = None,
    host: Annotated[str | None, Query(description="With its port: `crm.example.com:443`.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="Events from then on.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Events before then.")] = None,
) -> JSONResponse:
    """The notifications of the tenant, the newest event first."""
    wanted: dict[str, Any] = {
        "integration_id": integration_id,
        "interaction_id": interaction_id,
        "event": event,
        "state": state,
        "host": host.lower() if host else None,
    }
    selector: dict[str, Any] = {"tenant": caller.tenant}
    selector |= {name: value for name, value in wanted.items() if value is not None}
    dates = {"$gte": since, "$lt": until}
    if bounds := {bound: date for bound, date in dates.items() if date is not None}:
        selector["created"] = bounds
    if asked.after is not None:
        selector = {"$and": [selector, asked.after.after("created")]}
    found = await Notification.lines(selector, asked.limit + 1)
    payload = page(
        found,
        asked,
        lambda line: NotificationLineAnswer.of(line).on_the_wire(),
        lambda line: Cursor(line.created, line.id),
    )
    return success(payload, "Notificaciones encontradas")


@router.get(
    "/v1/notifications/{notification_id}",
    summary="Read a notification with its attempts",
    response_model=Envelope[NotificationAnswer],
    responses=refusals(404),
)
async def read_notification(
    notification_id: str, caller: Annotated[Caller, allowed(Operation.WEBHOOKS_READ)]
) -> JSONResponse:
    """A notification with its body, its state and every attempt.

    `body` is null for who may not read interactions, or consents if it is about one, and once a user of the
    interaction is erased.
    """
    return await _shown(await get_or_404(Notification, notification_id, caller), caller, "Notificación encontrada")


@router.post(
    "/v1/notifications/{notification_id}/redeliver",
    summary="Redeliver a notification",
    response_model=Envelope[NotificationAnswer],
    responses=refusals(404, 409),
)
async def redeliver_notification(
    notification_id: str, caller: Annotated[Caller, allowed(Operation.WEBHOOKS_WRITE)], state: State
) -> JSONResponse:
    """Deliver the notification again at once, unchanged, with all attempts of a first delivery."""
    notification = await get_or_404(Notification, notification_id, caller)
    await SuspendedHost.resume(caller.tenant, notification.host)
    again = await Notification.begin_again({"_id": notification.id, "tenant": caller.tenant})
    if again is None:
        raise InvalidRequestError([Problem(field="id", code="notification_pending")])
    await begin(state.temporal, state.settings, again)
    await write_audit(caller, "notification.redelivered", again.id)
    return await _shown(again, caller, "Reenvío iniciado")


@router.post(
    "/v1/notifications/{notification_id}/cancel",
    summary="Cancel a notification",
    response_model=Envelope[NotificationAnswer],
    responses=refusals(404, 409),
)
async def cancel_notification(
    notification_id: str, caller: Annotated[Caller, allowed(Operation.WEBHOOKS_WRITE)], state: State
) -> JSONResponse:
    """Make no further attempt; 200 only once that holds."""
    notification = await get_or_404(Notification, notification_id, caller)
    ended = notification.state
    if ended is NotificationState.PENDING:
        ended = await cancel(state.temporal, notification)
        if ended is NotificationState.CANCELLED:
            await write_audit(caller, "notification.cancelled", notification.id)
    if ended is not NotificationState.CANCELLED:
        raise InvalidRequestError([Problem(field="id", code="notification_ended", details={"state": ended})])
    return await _shown(await get_or_404(Notification, notification_id, caller), caller, "Notificación cancelada")


async def _shown(notification: Notification, caller: Caller, detail: str) -> JSONResponse:
    needed = Operation.INTERACTIONS_READ if notification.person is None else Operation.CONSENTS_READ
    reads = needed in caller.operations and not await notification.is_to_be_redacted()
    return success(NotificationAnswer.whole(notification, with_body=reads).on_the_wire(), detail)
