"""Operator tasks: health checks, reconciliation, replays, setup."""
