"""Vonage: SMS, WhatsApp, Messenger and RCS over its Messages API (https://developer.vonage.com/en/api/messages)."""

from providers.vonage.adapter import Vonage

__all__ = ["Vonage"]
