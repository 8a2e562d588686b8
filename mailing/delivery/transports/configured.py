"""Which transport this installation sends with."""

from __future__ import annotations

from django.conf import settings

from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.smtp.options import Options
from mailing.delivery.transport import Transport
from mailing.delivery.transports.django_backend import BackendTransport

DJANGO_SMTP = "django.core.mail.backends.smtp.EmailBackend"


def from_settings() -> Transport:
    """Our SMTP engine, or the Django backend that EMAIL_BACKEND names."""
    if settings.EMAIL_BACKEND == DJANGO_SMTP:
        return SmtpTransport(Options.from_settings())
    return BackendTransport()
