"""What a table of clients changes: each row judged, compared with what is stored, and written.

Bad rows are named and never stop the good ones. A blank cell never erases what is stored, and nothing here touches
the stop list. `check` and `load` are the same pass, so the preview says what the loading will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter, itemgetter

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from mailing import addresses, texts
from mailing.models import Client
from mailing.models.fields import fold
from mailing.tables import cells
from mailing.tables.reading import Sheet, SheetRow

SLICE = 2000  # rows per transaction: sending waits a tenth of a second at most
SLICE_TEXT = 1_000_000  # characters per transaction; 2000 ordinary rows have a tenth of it
COMPARED = 500  # clients whose stored texts are in memory at once
ROOM = 32_000  # KB
KEPT_CHANGES = 50
TEXTS = ("full_name", "greeting", "comment")  # columns of a client that a file may fill; fields of SheetRow
LIMITS = {
    "full_name": (300, gettext_noop("The full name is longer than %(limit)s characters.")),
    "greeting": (300, gettext_noop("The greeting is longer than %(limit)s characters.")),
    "comment": (Client.LONGEST_COMMENT, texts.LONG_COMMENT),
}
NO_ADDRESS = gettext_noop("There is no address in this row.")
REPEATED = gettext_noop("Repeated: this address is already in row %(line)s.")


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that is left out, and why. There may be 100 000 of them, so the sentence is made when it is printed."""

    line: int
    address: str
    message: str
    number: int = 0  # what the sentence speaks of: a limit, or another row

    @property
    def reason(self) -> str:
        return gettext(self.message) % {"line": self.number, "limit": self.number}


@dataclass(slots=True)
class Merged:
    """A good row beside what is stored under its address; `stored` is None for a new client."""

    email: str
    texts: tuple[str, ...]  # as they will be, in the order of TEXTS
    stored: tuple[str, ...] | None

    @property
    def is_change(self) -> bool:
        """Whether a stored client gets another value; a difference that tidying removes is none."""
        return (
            self.stored is not None
            and self.texts != self.stored
            and self.texts != tuple(map(cells.text, self.stored))
        )


@dataclass
class MergeReport:
    """The four counters, every row that is left out, and the first changes."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    changes: list[Merged] = field(default_factory=list)

    @property
    def good(self) -> int:
        return self.new + self.changed + self.unchanged

    def counters(self) -> dict[str, int]:
        return {
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "problems": len(self.problems),
        }

    def count(self, merged: Merged) -> None:
        if merged.stored is None:
            self.new += 1
        elif merged.is_change:
            self.changed += 1
        else:
            self.unchanged += 1
            return
        if len(self.changes) < KEPT_CHANGES:
            self.changes.append(merged)


Store = Callable[[list[Merged]], None]
OnProgress = Callable[[int], None]  # told how many rows are through


def check(sheet: Sheet) -> MergeReport:
    """What loading the sheet would do. Reads outside any transaction and writes nothing. Raises Unreadable."""
    return _run(sheet, None, None)


def load(sheet: Sheet, store: Store, progress: OnProgress | None = None) -> MergeReport:
    """Writes the good rows, a transaction per slice. Raises Unreadable: the slices before it stay."""
    with _room():
        return _run(sheet, store, progress)


@contextmanager
def _room() -> Iterator[None]:
    """SQLite keeps 2 MB of a table in memory; with 32 the same rows go in by a quarter quicker."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size")
        (before,) = cursor.fetchone()
        cursor.execute(f"PRAGMA cache_size = -{ROOM}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA cache_size = {before}")


def _run(sheet: Sheet, store: Store | None, progress: OnProgress | None) -> MergeReport:
    report = MergeReport()
    judge = Judge(report.problems)
    done = 0
    for batch in _batches(sheet):
        good = {address: row for row in batch if (address := judge.address(row))}
        with transaction.atomic() if store else nullcontext():
            for merged in _compare(good):
                if store:
                    store(merged)
                for one in merged:
                    report.count(one)
        done += len(batch)
        if progress:
            progress(done)
    return report


def _batches(rows: Iterable[SheetRow]) -> Iterator[list[SheetRow]]:
    batch: list[SheetRow] = []
    text = 0
    for row in rows:
        batch.append(row)
        text += len(row)
        if len(batch) == SLICE or text > SLICE_TEXT:
            yield batch
            batch, text = [], 0
    if batch:
        yield batch


class Judge:
    """Decides row by row; remembers which address stood where."""

    def __init__(self, problems: list[RowProblem]) -> None:
        self.problems = problems
        self.seen: dict[str, int] = {}

    def address(self, row: SheetRow) -> str:
        """The address of a good row; empty for a bad one, which is then named in `problems`."""
        address = addresses.extract(row.email)
        objection = self._objection(address, row)
        if objection:
            self.problems.append(RowProblem(row.line, _shown(row.email), *objection))
            return ""
        self.seen[address] = row.line
        return address

    def _objection(self, address: str, row: SheetRow) -> tuple[str, int] | None:
        if not address:
            return NO_ADDRESS, 0
        if not addresses.is_valid(address):
            return texts.NOT_AN_ADDRESS, 0
        if address in self.seen:
            return REPEATED, self.seen[address]
        for name, (limit, sentence) in LIMITS.items():
            if len(getattr(row, name)) > limit:
                return sentence, limit
        return None


def _shown(email: str) -> str:
    """What stood where an address should. Words take four times the memory of one, and their beginning is enough."""
    return email[:254] if email.isascii() else email[:60]


def _compare(good: dict[str, SheetRow]) -> Iterator[list[Merged]]:
    emails = iter(good)
    while some := list(islice(emails, COMPARED)):
        stored = Client.objects.filter(email__in=some).order_by().values_list("email", *TEXTS)
        before = {email: tuple(texts) for email, *texts in stored}
        yield [_merged(email, _texts_of(good[email]), before.get(email)) for email in some]


def _merged(email: str, found: tuple[str, ...], before: tuple[str, ...] | None) -> Merged:
    if before is None:
        return Merged(email, found, None)
    return Merged(email, tuple(new or old for new, old in zip(found, before, strict=True)), before)


# Written by hand, not by bulk_create: it is six times quicker, and two people who load the same new address at the
# same moment meet in ON CONFLICT, not in an error. Their blank cells erase nothing either. ("WHERE true" is for
# SQLite, whose parser would take ON CONFLICT for a join condition.)
_COLUMNS = ("email", *TEXTS, "search_text")
_ROW = f"({', '.join(['%s'] * len(_COLUMNS))})"
_KEPT = "{0} = CASE WHEN excluded.{0} = '' THEN mailing_client.{0} ELSE excluded.{0} END"
_UPSERT = f"""
    INSERT INTO mailing_client ({", ".join(_COLUMNS)}, source, created_at, updated_at)
    SELECT {", ".join(f"column{n}" for n in range(1, len(_COLUMNS) + 1))}, %s, %s, %s
    FROM (VALUES {{rows}}) AS file WHERE true
    ON CONFLICT (email) DO UPDATE SET
        {", ".join(_KEPT.format(name) for name in TEXTS)},
        search_text = excluded.search_text, updated_at = excluded.updated_at
"""
_texts_of = attrgetter(*TEXTS)
_searched = itemgetter(*(_COLUMNS.index(name) for name in Client.SEARCHED))


def upsert(rows: Iterable[Merged], *, source: str) -> None:
    """Stores the new and the changed clients among these (at most COMPARED of them)."""
    params: list[str] = []
    for row in rows:
        if row.stored is None or row.is_change:
            values = (row.email, *row.texts)
            params += (*values, fold(" ".join(_searched(values))))
    if params:
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        number = len(params) // _ROW.count("%s")
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT.format(rows=", ".join([_ROW] * number)), [source, now, now, *params])
