"""E-mail through any SMTP server (RFC 5321), and the mail that answers it."""

from providers.smtp.adapter import Smtp

__all__ = ["Smtp"]
