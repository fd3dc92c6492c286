"""Sinch: RCS, WhatsApp and SMS over its Conversation API (https://developers.sinch.com/docs/conversation/)."""

from providers.sinch.adapter import Sinch

__all__ = ["Sinch"]
