"""Temporal workflows: they decide the order of the steps, and activities carry them out."""
