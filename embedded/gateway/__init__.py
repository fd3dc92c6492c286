"""Sandbox gateway: a fake provider for every channel, with its own signed callbacks."""

from embedded.gateway.app import create_gateway
from embedded.gateway.server import running, serve
from embedded.gateway.settings import Account, GatewaySettings

__all__ = ["Account", "GatewaySettings", "create_gateway", "running", "serve"]
