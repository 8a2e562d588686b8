"""The small company behind the doors."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.doors.world import World, build


@pytest.fixture
def world(db: None, settings: LazySettings, tmp_path: Path) -> World:
    settings.DEBUG, settings.VAR_DIR = True, tmp_path  # the demo's mailbox is a door, too
    settings.SECOND_FACTOR = "optional"
    (tmp_path / "mailbox").mkdir()
    return build()
