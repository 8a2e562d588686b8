"""Ways of sending, and which one the settings name: our SMTP engine or a backend of Django."""

from __future__ import annotations

from mailing.delivery.transports import configured, one_letter

__all__ = ["configured", "one_letter"]
