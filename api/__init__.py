"""The HTTP API; every answer has the specification's envelope."""
