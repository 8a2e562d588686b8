"""The demo: believable data, and a mail server on this machine that keeps every letter. Only while DEBUG is on."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_on() -> bool:
    """Whether letters of this installation go to the demo mail server of this machine, to nobody else."""
    return bool(settings.DEBUG) and settings.EMAIL_HOST in LOOPBACK


def mailbox_directory() -> Path:
    """Where the demo mail server keeps its letters and its fault knob."""
    return Path(settings.VAR_DIR) / "mailbox"
