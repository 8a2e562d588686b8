"""XLSX workbooks: one sheet as a stream of rows, with limits against files made to hurt.

Nothing that the file says about itself is believed: each part is unpacked piece by piece and counted meanwhile.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext_noop

from mailing.tables import cells, sheets
from mailing.tables.errors import Unreadable

MB = 2**20
UNPACKED_LIMIT = 150 * MB  # bytes; 100 000 clients with four columns unpack to some 40 MB
# Of one part, by what it is; the sheet may take what is left of the whole.
STRINGS_LIMIT = 64 * MB
STYLES_LIMIT = 16 * MB  # workbooks that went through many hands have some 5
PART_LIMIT = 2 * MB
ENTRIES = 10_000
_PIECE = 64 * 1024
_MAIN = "xl/workbook.xml"

BROKEN = gettext_noop(
    "The workbook is damaged or protected by a password. Open it in Excel, save it anew and try again."
)
UNPACKS_TOO_LARGE = gettext_noop(
    "The workbook unpacks to more than %(limit)s MB. Split the file and load the parts one by one."
)
PART_TOO_LARGE = gettext_noop(
    "The texts or the formats of the workbook unpack to more than %(limit)s MB. Save the sheet with the clients as "
    "CSV and choose that file."
)
NO_SHEET = gettext_noop("The workbook has no sheet with cells.")


def rows(data: bytes) -> Iterator[sheets.Row]:
    """The filled rows of the sheet that was open when the workbook was saved, numbered as Excel does."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for number, row in _Workbook(archive).rows():
                yield number, [cells.unescape(cell) if isinstance(cell, str) else cell for cell in row]
    except (Unreadable, GeneratorExit, MemoryError):
        raise
    except Exception as error:  # a damaged or hostile file fails in some thirty ways of zip and XML
        raise Unreadable(BROKEN) from error


class _Workbook:
    """The archive, with its parts by name; a large one may be read once."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.entries = {entry.filename.lower(): entry for entry in archive.infolist()}
        self.left = UNPACKED_LIMIT
        claimed = sum(entry.file_size for entry in archive.infolist())
        if claimed > UNPACKED_LIMIT:
            raise Unreadable(UNPACKS_TOO_LARGE, limit=UNPACKED_LIMIT // MB)
        if len(self.entries) > ENTRIES:
            raise Unreadable(BROKEN)

    def rows(self) -> Iterator[sheets.Row]:
        main = self._links("").one("/officeDocument") or _MAIN
        links = self._links(main)
        book = _Book()
        book.read(self._unpacked(main, PART_LIMIT))
        sheet = self._open_sheet(book, links)
        strings, styles = sheets.Strings(), sheets.Styles()
        for part, kind, limit in (
            (strings, "/sharedStrings", STRINGS_LIMIT),
            (styles, "/styles", STYLES_LIMIT),
        ):
            name = links.one(kind)
            if self._has(name):
                part.read(self._unpacked(name, limit))
        reader = sheets.Sheet(strings.found, styles.dates(), book.day_zero)
        yield from reader.rows(self._unpacked(sheet, UNPACKED_LIMIT))

    def _open_sheet(self, book: _Book, links: _Links) -> str:
        """The part of the sheet in front; where that is a chart, of the first that has cells."""
        in_front = book.sheets[book.active : book.active + 1]
        for link in (*in_front, *book.sheets):
            kind, name = links.found.get(link, ("", ""))
            if kind.endswith("/worksheet") and self._has(name):
                return name
        raise Unreadable(NO_SHEET)

    def _links(self, part: str) -> _Links:
        folder, name = posixpath.split(part)
        links = _Links(folder)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if self._has(rels):
            links.read(self._unpacked(rels, PART_LIMIT))
        return links

    def _has(self, name: str) -> bool:
        return name.lower() in self.entries

    def _unpacked(self, name: str, limit: int) -> Iterator[bytes]:
        entry = self.entries[name.lower()]
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise Unreadable(BROKEN)
        left = limit
        with self.archive.open(entry) as part:
            # With a size, `read` unpacks no more than that; without one it believes the entry up to a gigabyte.
            while piece := part.read(_PIECE):
                left -= len(piece)
                self.left -= len(piece)
                if self.left < 0:
                    raise Unreadable(UNPACKS_TOO_LARGE, limit=UNPACKED_LIMIT // MB)
                if left < 0:
                    raise Unreadable(PART_TOO_LARGE, limit=limit // MB)
                yield piece


class _Links(sheets.Part):
    """`….rels`: which part is what to another one, by the name that part gives it."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder
        self.found: dict[str, tuple[str, str]] = {}  # (kind, name of the part)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", self.folder, attributes["Target"])).lstrip("/")
            self.found[attributes["Id"]] = (attributes["Type"], target)
        else:
            super().start(name, attributes)

    def one(self, kind: str) -> str:
        """The last words of a kind are the same in both dialects, transitional and strict."""
        return next((name for found, name in self.found.values() if found.endswith(kind)), "")


class _Book(sheets.Part):
    """`workbook.xml`: which sheets there are, which is in front, and from which day days are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[str] = []
        self.active = 0
        self.day_zero: datetime = sheets.DAY_ZERO

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            self.sheets.append(next(value for key, value in attributes.items() if key.rpartition(":")[2] == "id"))
        elif name == "workbookView":
            self.active = int(attributes.get("activeTab", 0))
        elif name == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
            self.day_zero = sheets.DAY_ZERO_1904
        else:
            super().start(name, attributes)
