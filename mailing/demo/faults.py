"""The fault knob: which trouble the demo mail server plays. A small file, read by the server at each turn."""

from __future__ import annotations

from pathlib import Path

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

FILE_NAME = "fault"


class Fault(TextChoices):
    """What goes wrong. All but `greylist` and `busy` strike a third of the addresses, always the same ones."""

    NONE = "none", _("No trouble: every letter is accepted")
    GREYLIST = "greylist", _("Greylisting: every address is put off once")
    REFUSE = "refuse", _("Refuse: a third of the addresses does not exist")
    FULL = "full", _("Full: a third of the mailboxes has no room for now")
    HANG = "hang", _("Hang: no answer to a third of the addresses")
    DROP = "drop", _("Drop: the line is cut before the letter is accepted")
    LOSE = "lose", _("Lose: the letter is taken, then the line is cut without an answer")
    GARBAGE = "garbage", _("Garbage: an answer nobody can understand after the letter")
    BUSY = "busy", _("Busy: the server sends everybody away for now")


def current(directory: Path) -> Fault:
    """The trouble chosen now; none when nothing (or nonsense) was written."""
    try:
        return Fault((directory / FILE_NAME).read_text().strip())
    except (OSError, ValueError):
        return Fault.NONE


def choose(directory: Path, fault: Fault) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    written = directory / f"{FILE_NAME}.new"
    written.write_text(fault.value)
    written.replace(directory / FILE_NAME)
