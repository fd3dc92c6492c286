"""Limits of the API: concurrent requests, requests of a key, attempts to log in."""
