"""The wire's own spelling: what a caller writes and what the answer shows. Nowhere else knows it."""
