"""What the operator hears: every line of the log, as text for people or as JSON for machines.

A record is one line whatever is in it: who may choose a path or a file name must not be able to write a line of
their own, or to turn a terminal around. Passwords in addresses, links to unsubscribe and our own credentials are
blanked, by the formatter, because it sees the words in their last form.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from mailing import current_attempt, redaction

OF_REQUESTS = ("django.", "gunicorn.", "backoffice.")  # whose lines hold what a stranger typed as an address


def configuration(form: str) -> dict[str, Any]:
    """LOGGING. Nothing in it writes letters: by default Django mails ADMINS for each answer from 500 on."""
    console = {"handlers": ["console"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "form": form}},
        "filters": {"news": {"()": lambda: is_news}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "mailing": {"level": "INFO"},
            "django": {"level": "WARNING"} | console,
            "django.request": {"filters": ["news"]},
            "django.server": {"level": "INFO"} | console,
            # Scanners ask for wrong hosts all day.
            "django.security.DisallowedHost": {"level": "CRITICAL"} | console,
            "django-q": {"level": "WARNING"} | console,
        },
    }


def formatter(form: str) -> logging.Formatter:
    return JsonFormatter() if form == "json" else TextFormatter()


class LineFormatter(logging.Formatter):
    """What both forms share."""

    def message(self, record: logging.LogRecord) -> str:
        text = self._fit(record.getMessage())
        return redaction.one_line(redaction.without_people(text) if record.name.startswith(OF_REQUESTS) else text)

    def trace(self, record: logging.LogRecord) -> list[str]:
        """The lines of the traceback. It is made anew: the one kept at the record may be another formatter's."""
        texts = [self.formatException(record.exc_info)] if record.exc_info and not _is_answered(record) else []
        if record.stack_info:
            texts.append(self.formatStack(record.stack_info))
        return [redaction.one_line(line) for text in texts for line in self._fit(text).split("\n")]

    def _fit(self, text: str) -> str:
        return redaction.without_links(redaction.without_passwords(redaction.blanked(text, secrets())))


def _is_answered(record: logging.LogRecord) -> bool:
    """A page that is forbidden or missing is no accident, and for a 500 the traceback stands beside its code."""
    status: int = getattr(record, "status_code", 500)
    return status < 500 or (record.name == "django.request" and not settings.DEBUG)


class TextFormatter(LineFormatter):
    """Lines that begin with a bar belong to the line before them."""

    def format(self, record: logging.LogRecord) -> str:
        attempt = current_attempt.number()
        about = "" if attempt is None else f"[attempt {attempt}] "
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {about}{self.message(record)}"
        return "\n    | ".join([line, *self.trace(record)])


class JsonFormatter(LineFormatter):
    """ASCII only, so that nothing in it can be taken for the end of a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.message(record),
            "process": record.process,
        }
        if (attempt := current_attempt.number()) is not None:
            line["attempt"] = attempt
        if trace := self.trace(record):
            line["exception"] = "\n".join(trace)
        return json.dumps(line)


def is_news(record: logging.LogRecord) -> bool:
    """Whether an answer is worth a line. `/healthz` is asked each minute, and says itself what changes."""
    return bool(getattr(getattr(record, "request", None), "path", "") != "/healthz")


def secrets() -> tuple[str, ...]:
    """The credentials of this installation that a line of the log might quote."""
    if not settings.configured:
        return ()
    database = [str(one.get("PASSWORD") or "") for one in settings.DATABASES.values()]
    redis = urlsplit(settings.REDIS_URL).password or ""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return tuple(filter(None, (settings.EMAIL_HOST_PASSWORD, redis, *database, *keys)))
