"""Integrations: their cache, and the providers that they configure."""
