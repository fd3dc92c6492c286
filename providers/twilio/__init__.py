"""Twilio: SMS and WhatsApp over its Messages API (https://www.twilio.com/docs/messaging/api/message-resource)."""

from providers.twilio.adapter import Twilio

__all__ = ["Twilio"]
