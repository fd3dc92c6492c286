"""Strategies: a message goes through one channel, and through the next one if it does not arrive."""
