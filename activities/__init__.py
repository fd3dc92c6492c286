"""Temporal activities: the side effects of workflows."""
