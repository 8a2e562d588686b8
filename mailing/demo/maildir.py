"""What the demo mail server has taken: letters, newest first, for the page "Mail (demo)"."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_binary_file
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default as modern
from email.utils import parsedate_to_datetime
from pathlib import Path

MAILDIR = "letters"
_FOLDERS = ("new", "cur")


@dataclass(frozen=True)
class StoredLetter:
    """One letter as it arrived; `key` is its file name."""

    key: str
    path: Path
    message: EmailMessage

    @property
    def to(self) -> str:
        return self._header("Delivered-To")

    @property
    def subject(self) -> str:
        return self._header("Subject")

    @property
    def sender(self) -> str:
        return self._header("From")

    @property
    def message_id(self) -> str:
        return self._header("Message-ID").strip()

    @property
    def recipient(self) -> str:
        return self._header("To")

    @property
    def arrived(self) -> datetime:
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)

    @property
    def dated(self) -> datetime | None:
        text = self.message.get("Date")
        return parsedate_to_datetime(str(text)) if text else None

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def source(self) -> str:
        return self.path.read_bytes().decode(errors="replace")

    def _header(self, name: str) -> str:
        """RFC 2047 by the older decoder: Python 3.11's newer one puts a space between two encoded words."""
        raw = next((value for key, value in self.message.raw_items() if key.lower() == name.lower()), "")
        as_text = raw.encode(errors="surrogateescape").decode(errors="replace")  # bytes beyond ASCII, unencoded
        unfolded = re.sub(r"\r?\n", "", as_text)
        try:
            return str(make_header(decode_header(unfolded)))
        except (HeaderParseError, LookupError, ValueError):
            return unfolded

    def _part(self, kind: str) -> str:
        part = self.message.get_body(preferencelist=(kind,))
        if part is None:
            return ""
        try:
            return str(part.get_content())
        except LookupError:  # a charset nobody knows
            payload = part.get_payload(decode=True)
            return payload.decode(errors="replace") if isinstance(payload, bytes) else ""


class StoredLetters:
    """The letters below a directory; empty while nothing was ever received."""

    def __init__(self, directory: Path) -> None:
        self.folders = [directory / MAILDIR / name for name in _FOLDERS]

    def __len__(self) -> int:
        return sum(1 for _ in self._files())

    def page(self, number: int, size: int) -> list[StoredLetter]:
        """The `number`th page (from 1) of letters, newest first. Only the letters of the page are read."""
        newest = sorted(self._files(), key=lambda entry: (entry.stat().st_mtime_ns, entry.name), reverse=True)
        found = (self._read(Path(entry.path)) for entry in newest[(number - 1) * size : number * size])
        return [letter for letter in found if letter]

    def get(self, key: str) -> StoredLetter | None:
        """The letter of that key. The key comes from an address line, so it is looked up, never joined to a path."""
        return next((self._read(Path(entry.path)) for entry in self._files() if entry.name == key), None)

    def clear(self) -> int:
        """Deletes every letter; returns how many there were."""
        removed = 0
        for entry in list(self._files()):
            Path(entry.path).unlink(missing_ok=True)
            removed += 1
        return removed

    def drop(self, is_told_in: Callable[[str], bool]) -> None:
        """Deletes the letters that tell of somebody, in their headers, their text or as they came."""
        for entry in list(self._files()):
            letter = self._read(Path(entry.path))
            if letter and any(
                map(is_told_in, (letter.to, letter.recipient, letter.text, letter.html, letter.source))
            ):
                letter.path.unlink(missing_ok=True)

    def _files(self) -> Iterator[os.DirEntry[str]]:
        for folder in self.folders:
            if folder.is_dir():
                with os.scandir(folder) as entries:
                    yield from entries

    def _read(self, path: Path) -> StoredLetter | None:
        try:
            with path.open("rb") as file:
                return StoredLetter(path.name, path, message_from_binary_file(file, EmailMessage, policy=modern))
        except FileNotFoundError:  # cleared meanwhile
            return None
