"""Queries that span documents: search, correlation, change stream, erasure, validation against what is stored."""
