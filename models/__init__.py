"""Beanie documents, one per MongoDB collection."""

from typing import Final

from beanie import Document

from models.access import Account, ApiKey, RefreshToken, Session, Tenant
from models.attachment import Attachment
from models.audit import AuditEntry
from models.consent import Consent, ConsentKey
from models.integration import Integration
from models.interaction import Interaction
from models.notification import Notification, SuspendedHost
from models.process import Process
from models.reach_count import ReachCount
from models.sender_throttle import RecipientThrottle, SenderThrottle
from models.sending_rules import SendingRules
from models.soft_bounces import SoftBounces
from models.strategy import EarlierStrategy, Strategy
from models.strategy_run import StrategyRun
from models.template import Template, TemplateVersion
from models.throttle import KnownNetwork, LoginTries
from models.unmatched import UnmatchedEvent
from models.user import User
from models.webhook import SeenWebhook
from models.worker_fault import WorkerFault

DOCUMENTS: Final[tuple[type[Document], ...]] = (
    Account,
    ApiKey,
    AuditEntry,
    Attachment,
    Consent,
    ConsentKey,
    SuspendedHost,
    Integration,
    Interaction,
    KnownNetwork,
    Notification,
    LoginTries,
    Process,
    ReachCount,
    RecipientThrottle,
    RefreshToken,
    SeenWebhook,
    SenderThrottle,
    SendingRules,
    SoftBounces,
    Strategy,
    EarlierStrategy,
    StrategyRun,
    Template,
    TemplateVersion,
    Session,
    Tenant,
    UnmatchedEvent,
    User,
    WorkerFault,
)
