"""What loading a file of clients would do, in figures and words: the second step of the import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from mailing.formatting import num
from mailing.furniture import Card
from mailing.models import ClientImport
from mailing.services.clients import Merged, MergeReport, RowProblem
from mailing.tables.reading import Sheet

SHOWN_PROBLEMS = 100
SHOWN_ROWS = 20  # row numbers in a sentence
DELIMITERS = {";": gettext_noop("semicolon"), ",": gettext_noop("comma"), "\t": gettext_noop("tab")}
ENCODINGS = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1251": "Windows-1251"}


@dataclass(frozen=True)
class Change:
    """A row of the preview: what a client would become."""

    is_new: bool
    email: str
    cells: Sequence[tuple[str, str]]  # (old, new) for name, greeting and comment

    @classmethod
    def of(cls, merged: Merged) -> Change:
        before = merged.stored or ("",) * len(merged.texts)
        return cls(merged.stored is None, merged.email, list(zip(before, merged.texts, strict=True)))


@dataclass(frozen=True)
class Preview:
    cards: Sequence[Card]
    facts: Sequence[tuple[str, str]]  # how the file was read
    cut: str  # which rows are longer than the headings
    problems: Sequence[RowProblem]
    all_problems: int
    changes: Sequence[Change]
    more_changes: bool
    good: int  # clients who would be in the mailing
    load_label: str  # what pressing the button does; empty when there is nothing to load

    @property
    def more_problems(self) -> bool:
        return self.all_problems > len(self.problems)


def of(upload: ClientImport, sheet: Sheet, report: MergeReport) -> Preview:
    return Preview(
        cards=counters(report.counters(), done=False),
        facts=_facts(sheet),
        cut=_cut(sheet),
        problems=report.problems[:SHOWN_PROBLEMS],
        all_problems=len(report.problems),
        changes=[Change.of(merged) for merged in report.changes],
        more_changes=report.new + report.changed > len(report.changes),
        good=report.good,
        load_label=_load_label(report, upload),
    )


def counters(numbers: dict[str, int], *, done: bool) -> list[Card]:
    """The four figures of a file."""
    return [
        Card(_("New clients"), numbers["new"]),
        Card(_("Updated") if done else _("Will be updated"), numbers["changed"]),
        Card(_("Unchanged"), numbers["unchanged"]),
        Card(_("Rows with errors"), numbers["problems"], tone="red" if numbers["problems"] else ""),
    ]


def _facts(sheet: Sheet) -> list[tuple[str, str]]:
    """So that a wrong guess is seen at once."""
    found = [(_("File"), sheet.kind)]
    if sheet.encoding:
        found.append((_("Encoding"), ENCODINGS[sheet.encoding]))
        found.append((_("Delimiter"), _(DELIMITERS.get(sheet.delimiter, sheet.delimiter))))
    if sheet.columns.ignored:
        shown = ", ".join(title[:40] for title in sheet.columns.ignored[:SHOWN_ROWS])
        found.append((_("Columns we ignore"), shown))
    return found


def _load_label(report: MergeReport, upload: ClientImport) -> str:
    number = report.new + report.changed
    if number:
        return ngettext("Load %(n)s client", "Load %(n)s clients", number) % {"n": num(number)}
    if upload.mailing and report.good:
        return _("Add to the mailing")
    return ""


def _cut(sheet: Sheet) -> str:
    if not sheet.cut:
        return ""
    listed = ", ".join(map(str, sheet.cut[:SHOWN_ROWS])) + ("…" if len(sheet.cut) > SHOWN_ROWS else "")
    words = ngettext(
        "%(n)s row has cells beyond the last heading; they are ignored: row %(rows)s.",
        "%(n)s rows have cells beyond the last heading; they are ignored: rows %(rows)s.",
        len(sheet.cut),
    )
    return words % {"n": num(len(sheet.cut)), "rows": listed}
