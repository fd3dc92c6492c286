"""Support for every process: logs, metrics, a TTL cache."""
