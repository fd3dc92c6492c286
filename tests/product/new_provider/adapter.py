"""A new provider of SMS: all that its folder in `providers/` must contain."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from domain.channels import Channel
from domain.events import ProviderEvent, WebhookItem
from domain.outcomes import Accepted, FailureClass, Rejected
from domain.payloads.texts import SimpleText
from domain.status import Milestone
from providers.base import Attempt, Capabilities, Outbound, Provider, UnverifiedError, Webhook
from providers.http import ErrorBody, ResponseMapping, send
from providers.lenient import Id, Part, ShortText, Text, read, read_document
from providers.provider_settings import BaseUrl, ProviderSettings, Secret

MILESTONES = {"on-its-way": Milestone.SENT, "arrived": Milestone.DELIVERED}


class Configuration(ProviderSettings):
    """Attributes:
    base_url: the address of the provider.
    """

    base_url: BaseUrl


class Credentials(ProviderSettings):
    """Attributes:
    key: authenticates our requests, and signs the provider's.
    """

    key: Secret


class _Receipt(Part):
    id: Id
    state: ShortText
    ref: Text = ""


class NewProvider(Provider[Configuration, Credentials]):
    """The provider."""

    name = "newcomer"
    title = "Newcomer"
    channels: ClassVar[Mapping[Channel, Capabilities]] = {
        Channel.SMS: Capabilities(payload_types=frozenset({"simple-text"}))
    }
    configuration_type = Configuration
    credentials_type = Credentials
    setup = "Nothing."

    @property
    def sender(self) -> str:
        return str(self._configuration.base_url)

    async def prepare(self, outbound: Outbound) -> Attempt | Rejected:
        assert isinstance(outbound.payload, SimpleText)
        request = self._http.build_request(
            "POST",
            f"{self._configuration.base_url}messages",
            headers={"Authorization": f"Bearer {self._credentials.key.get_secret_value()}"},
            json={"ref": outbound.reference, "to": outbound.destinations[0], "text": outbound.payload.text},
        )
        return partial(send, self._http, request, RESPONSES)

    def verify(self, webhook: Webhook) -> None:
        key = self._credentials.key.get_secret_value().encode()
        signature = hmac.new(key, webhook.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, webhook.headers.get("x-signature", "")):
            raise UnverifiedError("X-Signature is missing or wrong")

    def parse(self, webhook: Webhook) -> Sequence[WebhookItem]:
        receipt = read(_Receipt, read_document(webhook.body))
        return (
            ProviderEvent(
                key=f"{receipt.id}:{receipt.state}",
                provider_status=receipt.state,
                milestone=MILESTONES.get(receipt.state, Milestone.NONE),
                reference=receipt.ref or None,
                provider_message_id=receipt.id,
            ),
        )


def _accepted(body: Any) -> Accepted | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return Accepted(provider_message_id=body["id"])


def _error(body: Any) -> ErrorBody | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return ErrorBody(code=body["error"])


RESPONSES = ResponseMapping(accepted=_accepted, error_body=_error, meanings={"nobody": FailureClass.DESTINATION})
