"""The queue without a process: its tasks are run in order, in the test's own transaction."""

from __future__ import annotations

import pydoc
from typing import Any

from django_q.models import OrmQ
from django_q.signing import BadSignature, SignedPackage


def drain(limit: int = 1000) -> list[str]:
    """Runs the queued tasks, and those they queue, in order; returns the names of what ran.

    Like a worker it drops what another key has signed.
    """
    ran = []
    while (row := OrmQ.objects.order_by("pk").first()) is not None:
        assert len(ran) < limit, f"the queue does not end: {ran[-5:]}"
        row.delete()
        try:
            task: dict[str, Any] = SignedPackage.loads(row.payload)
        except BadSignature:
            continue
        work: Any = pydoc.locate(task["func"])
        work(*task["args"], **task["kwargs"])
        ran.append(task["func"])
    return ran
