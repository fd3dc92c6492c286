"""Benchmarks, and how to run them."""
