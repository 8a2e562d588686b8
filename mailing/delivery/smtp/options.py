"""What the SMTP engine is told by the settings, in one immutable value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

FULL_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?![0-9]+$)[a-z0-9-]{2,63}")


@dataclass(frozen=True, slots=True)
class Options:
    """Durations are seconds. `security` is the policy, never a wish: none, starttls or tls."""

    host: str
    port: int
    security: str = "none"
    user: str = ""
    password: str = ""
    hello: str = ""  # a full host name; empty: the address literal of our end of the line
    connect_timeout: float = 15  # DNS, TCP and TLS together
    reply_timeout: float = 60  # one reply; one piece of a letter
    dot_timeout: float = 600  # the reply to the final dot (RFC 5321 4.5.3.2.6 asks for ten minutes)
    letter_budget: float = 900  # one letter, from MAIL to its outcome
    letters_per_connection: int = 500
    connection_age: float = 600
    pipeline: int = 1  # letters on their way at once, where the server offers CHUNKING; 1: one, by DATA

    @classmethod
    def from_settings(cls, *, pipeline: int = 1) -> Options:
        return cls(
            host=settings.EMAIL_HOST,
            port=settings.EMAIL_PORT,
            security=settings.EMAIL_SECURITY,
            user=settings.EMAIL_HOST_USER,
            password=settings.EMAIL_HOST_PASSWORD,
            hello=hello_name(settings.SITE_URL),
            connect_timeout=settings.SMTP_CONNECT_TIMEOUT,
            reply_timeout=settings.SMTP_REPLY_TIMEOUT,
            dot_timeout=settings.SMTP_DOT_TIMEOUT,
            letter_budget=settings.SMTP_LETTER_BUDGET,
            letters_per_connection=settings.SMTP_LETTERS_PER_CONNECTION,
            connection_age=settings.SMTP_CONNECTION_AGE,
            pipeline=pipeline,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen in anything the server echoes."""
        return tuple(secret for secret in (self.password, self.user) if secret)


def hello_name(site_url: str) -> str:
    """The site's host as EHLO wants it (RFC 5321 4.1.1.1: a full name), or empty when it is not one."""
    try:
        name = (urlsplit(site_url).hostname or "").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    return name if FULL_NAME.fullmatch(name) else ""
