"""The small company behind the doors, as an installation shows it: without Django's own pages of errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.doors.world import World, build


@pytest.fixture
def world(db: None, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    settings.DEBUG, settings.VAR_DIR = False, tmp_path
    monkeypatch.setattr("mailing.demo.is_on", lambda: True)  # its pages are asked, too
    (tmp_path / "mailbox").mkdir()
    return build()
