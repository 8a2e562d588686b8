"""Which transport this installation sends with."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from mailing.delivery.guards import chunking
from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.smtp.options import Options
from mailing.delivery.transport import Transport
from mailing.delivery.transports.django_backend import BackendTransport

DJANGO_SMTP = "django.core.mail.backends.smtp.EmailBackend"


def from_settings(*, pipeline: int = 1) -> Transport:
    """Our SMTP engine, or the Django backend that EMAIL_BACKEND names."""
    if settings.EMAIL_BACKEND == DJANGO_SMTP:
        return SmtpTransport(Options.from_settings(pipeline=pipeline))
    return BackendTransport()


def of_a_run(now: datetime) -> Transport:
    """With as many letters on their way as may be; looks at what is known of the server."""
    return from_settings(pipeline=1 if chunking.fails(now) else letters_at_once())


def letters_at_once() -> int:
    """Per connection, within what stands as being sent anyway: a crash leaves no more in doubt than without."""
    lines = settings.SMTP_CONNECTIONS
    return min(settings.SMTP_PIPELINE, (settings.SMTP_CLAIMS_AHEAD + 2 * lines) // lines)
