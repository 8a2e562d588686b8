"""Files made to hurt: each small on the way in and huge, slow or crooked inside."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from itertools import pairwise

from tests.tables import files

MB = 2**20
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
EMAIL = '<row r="1"><c r="A1" t="inlineStr"><is><t>email</t></is></c></row>'
CLIENT = '<row r="2"><c r="A2" t="inlineStr"><is><t>a@example.ru</t></is></c></row>'
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
STYLES = "xl/styles.xml"
LINKS = "xl/_rels/workbook.xml.rels"


STRINGS_LINK = (
    '<Relationship Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"'
    ' Target="sharedStrings.xml" Id="rIdStrings"/>'
)


def sheet(inside: str = EMAIL + CLIENT, before: str = "") -> str:
    return f'<worksheet xmlns="{NAMESPACE}">{before}<sheetData>{inside}</sheetData></worksheet>'


def workbook(parts: dict[str, str | Iterable[bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A sound workbook with these parts in the place of its own, and with shared strings; they may come in pieces."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(files.xlsx())) as source, zipfile.ZipFile(made, "w", method) as target:
        own: dict[str, str | Iterable[bytes]] = {name: source.read(name).decode() for name in source.namelist()}
        own[LINKS] = str(own[LINKS]).replace("</Relationships>", f"{STRINGS_LINK}</Relationships>")
        own[STRINGS] = f'<sst xmlns="{NAMESPACE}"/>'
        for name, inside in (own | parts).items():
            pieces = [inside.encode()] if isinstance(inside, str) else inside
            with target.open(name, "w") as part:
                for piece in pieces:
                    part.write(piece)
    return made.getvalue()


def repeated(start: str, unit: str, times: int, end: str) -> Iterable[bytes]:
    """`times` units between start and end, never whole in memory."""
    yield start.encode()
    many = 10_000
    for _ in range(times // many):
        yield unit.encode() * many
    yield unit.encode() * (times % many) + end.encode()


def liar(megabytes: int = 1024, claims: int = 100) -> bytes:
    """A workbook whose sheet says that it holds a hundred bytes and unpacks to a gigabyte."""
    head = f'<worksheet xmlns="{NAMESPACE}"><sheetData>'.ljust(claims).encode()
    good = workbook({SHEET: head.decode()})
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = packer.compress(head)
    for _ in range(megabytes):
        packed += packer.compress(b" " * MB)
    packed += packer.flush()
    return _repacked(good, SHEET, packed)


def _repacked(data: bytes, name: str, packed: bytes) -> bytes:
    """The archive with other packed bytes in this entry, of which the directory knows the length and nothing else."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo(name)
        directory = archive.start_dir
    start = entry.header_offset
    name_length, extra_length = struct.unpack("<HH", data[start + 26 : start + 30])
    inside = start + 30 + name_length + extra_length
    more = len(packed) - entry.compress_size
    made = bytearray(data[:inside] + packed + data[inside + entry.compress_size :])
    place = directory + more
    while made[place : place + 4] == b"PK\x01\x02":
        lengths = struct.unpack("<HHH", made[place + 28 : place + 34])
        if made[place + 46 : place + 46 + lengths[0]] == name.encode():
            struct.pack_into("<I", made, place + 20, len(packed))
        (offset,) = struct.unpack("<I", made[place + 42 : place + 46])
        if offset > start:
            struct.pack_into("<I", made, place + 42, offset + more)
        place += 46 + sum(lengths)
    struct.pack_into("<I", made, place + 16, directory + more)
    return bytes(made)


def bzip2(megabytes: int = 160) -> bytes:
    pieces = (b" " * MB for _ in range(megabytes))
    return workbook({SHEET: pieces}, zipfile.ZIP_BZIP2)


def strings(megabytes: int) -> bytes:
    """Nothing but empty strings."""
    times = megabytes * MB // 5
    return workbook({STRINGS: repeated(f'<sst xmlns="{NAMESPACE}">', "<si/>", times, "</sst>"), SHEET: sheet()})


def formats(megabytes: int) -> bytes:
    times = megabytes * MB // 5
    head = f'<styleSheet xmlns="{NAMESPACE}"><cellXfs>'
    return workbook({STYLES: repeated(head, "<xf/>", times, "</cellXfs></styleSheet>"), SHEET: sheet()})


def cells(times: int) -> bytes:
    """One row of so many empty cells."""
    head = f'<worksheet xmlns="{NAMESPACE}"><sheetData>{EMAIL}<row r="2">'
    return workbook({SHEET: repeated(head, "<c/>", times, "</row></sheetData></worksheet>")})


def deep(times: int) -> bytes:
    return workbook({SHEET: repeated(f'<worksheet xmlns="{NAMESPACE}">', "<a>", times, "")})


def entities() -> bytes:
    """Ten to the ninth laughs."""
    names = [f"e{n}" for n in range(10)]
    declared = '<!ENTITY e0 "ha">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise(names)
    )
    inside = sheet(EMAIL + '<row r="2"><c r="A2" t="inlineStr"><is><t>&e9;</t></is></c></row>')
    return workbook({SHEET: f"<!DOCTYPE worksheet [{declared}]>{inside}"})


def one_string_in_each_row(length: int, rows: int) -> bytes:
    """A long comment, stored once and named by each row."""
    head = f'<worksheet xmlns="{NAMESPACE}"><sheetData>' + (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>email</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>comment</t></is></c></row>'
    )
    body = "".join(
        f'<row><c t="inlineStr"><is><t>c{n}@example.ru</t></is></c><c t="s"><v>0</v></c></row>' for n in range(rows)
    )
    return workbook(
        {
            SHEET: f"{head}{body}</sheetData></worksheet>",
            STRINGS: f'<sst xmlns="{NAMESPACE}"><si><t>{"я" * length}</t></si></sst>',
        }
    )


def semicolons(megabytes: int = 19) -> bytes:
    return b"email;name\na@example.ru;A\n" + b";" * (megabytes * MB)
