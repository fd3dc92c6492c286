"""Routes of interactions: send, read, search, cancel, resend, explain, follow."""
