"""A file read by a child process with a ceiling of time and memory: what everybody uses who reads a stranger's file.

The child (`child`) runs `reading.read` and hands the rows back in batches; what it refuses is refused here in the
same words.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.translation import gettext_noop

from mailing import confined
from mailing.confined import Exceeded, Limit
from mailing.tables.columns import Columns
from mailing.tables.errors import Unreadable
from mailing.tables.reading import Sheet, SheetRow

SECONDS = 30
MEGABYTES = 512
AT_ONCE = 2  # children of one process, so that many hands cannot fill the machine either
PATIENCE = 10  # seconds to wait for one of them

TOO_SLOW = gettext_noop(
    "The file takes longer than %(limit)s seconds to read. Leave only the columns that are needed, save the list as "
    "CSV and choose that file, or split it."
)
TOO_HEAVY = gettext_noop(
    "The file needs too much memory. Leave only the columns that are needed, save the list as CSV and choose that "
    "file, or split it."
)
UNREADABLE = gettext_noop("The file cannot be read. Save the list as CSV UTF-8 and choose that file.")
BUSY = gettext_noop("Other files are being read right now. Choose the file once more in a minute.")

logger = logging.getLogger(__name__)
_room = threading.BoundedSemaphore(AT_ONCE)


def read(pieces: Iterable[bytes]) -> Sheet:
    """Like `reading.read`, of the bytes in these pieces; the child is gone when the last row is read or dropped."""
    answers = _answers(pieces)
    head = next(answers)
    sheet = Sheet(columns=_columns(**head.pop("columns")), rows=iter(()), **head)
    sheet.rows = _rows(answers, sheet.cut)
    return sheet


def _columns(full_name: list[int], **rest: Any) -> Columns:
    return Columns(full_name=tuple(full_name), **rest)


def _rows(answers: Iterator[Any], cut: list[int]) -> Iterator[SheetRow]:
    for answer in answers:
        cut += answer.get("cut", ())
        for row in answer.get("rows", ()):
            yield SheetRow(*row)


def _answers(pieces: Iterable[bytes]) -> Iterator[Any]:
    if not _room.acquire(timeout=PATIENCE):
        raise Unreadable(BUSY)
    try:
        for answer in confined.stream("mailing.tables.child:work", pieces, seconds=SECONDS, megabytes=MEGABYTES):
            if "refused" in answer:
                raise Unreadable(answer["refused"], **answer["params"])
            yield answer
    except Exceeded as exceeded:
        if exceeded.limit is Limit.CRASH:
            logger.exception("a child that read a file ended: %s", exceeded.last_words)
        sentence = {Limit.TIME: TOO_SLOW, Limit.MEMORY: TOO_HEAVY}.get(exceeded.limit, UNREADABLE)
        raise Unreadable(sentence, limit=SECONDS) from exceeded
    finally:
        _room.release()
