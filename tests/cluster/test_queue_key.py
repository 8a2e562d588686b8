"""A real worker takes no orders but those of the web process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ

from mailing import queue_packages
from mailing.services.mailings import lifecycle
from tests.cluster.conftest import Start
from tests.cluster.test_cluster import finished
from tests.factories import MailingFactory
from tests.processes import wait_for
from tests.pure.test_queue_packages import Calls, signed, task

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def queued(package: object, key: str) -> None:
    OrmQ.objects.create(key="samovar", payload=signed(package, key), lock=timezone.now())


def test_forged_orders_run_nothing_and_hold_up_nobody(start: Start, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("secret key", "pickle", "function", "hook")]
    called: dict[str, Any] = {"func": "os.mkdir", "args": (str(folders[0]),)}
    queued(task(**called), settings.SECRET_KEY)
    queued(task(args=(Calls(folders[1]),)), queue_packages.key())
    queued(task(**called | {"args": (str(folders[2]),)}), queue_packages.key())
    queued(task(hook="os.mkdir", args=(str(folders[3]),)), queue_packages.key())
    start()

    mailing = lifecycle.launch(MailingFactory(clients=2))

    wait_for(finished)
    assert mailing.attempts.get().sent == 2
    wait_for(lambda: not OrmQ.objects.exists())
    assert [folder.name for folder in folders if folder.exists()] == []
