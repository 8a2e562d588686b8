"""What runs in the child process that `apart` starts: it has no settings of the installation, and no language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from django.conf import settings

if not settings.configured:  # sentences leave the child as they stand in the code
    settings.configure(USE_I18N=False)

from mailing.tables import reading
from mailing.tables.errors import Unreadable
from mailing.tables.reading import SheetRow

BATCH_ROWS = 500
BATCH_TEXT = 200_000  # characters


def work(data: bytes) -> Iterator[dict[str, Any]]:
    """How the file was read, its rows, and at the end what was cut off."""
    try:
        sheet = reading.read(data)
        yield {
            "kind": sheet.kind,
            "columns": asdict(sheet.columns),
            "encoding": sheet.encoding,
            "delimiter": sheet.delimiter,
        }
        for batch in _batches(sheet):
            yield {"rows": batch}
        yield {"cut": sheet.cut}
    except Unreadable as refusal:
        yield {"refused": refusal.message, "params": refusal.params}


def _batches(rows: Iterable[SheetRow]) -> Iterator[list[tuple[Any, ...]]]:
    batch: list[tuple[Any, ...]] = []
    text = 0
    for row in rows:
        batch.append((row.line, row.email, row.full_name, row.greeting, row.comment))
        text += len(row)
        if len(batch) == BATCH_ROWS or text > BATCH_TEXT:
            yield batch
            batch, text = [], 0
    yield batch
