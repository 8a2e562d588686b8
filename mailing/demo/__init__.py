"""The demo: believable data, and a mail server on this machine that keeps every letter. Only while DEBUG is on."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def is_on() -> bool:
    """Whether this installation is a demo (settings refuse DEBUG anywhere but on loopback)."""
    return bool(settings.DEBUG)


def mailbox_directory() -> Path:
    """Where the demo mail server keeps its letters and its fault knob."""
    return Path(settings.VAR_DIR) / "mailbox"
