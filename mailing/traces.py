"""What is left of one person in other people's text: an address or a name, in the forms in which they get written.

A mail server quotes an address in angle brackets and in capitals, a link in percents, a queue in base64, JSON in
escapes. All of these are found, and only these: `anna@x.ru` is not a part of `joanna@x.ru`, nor of `anna@x.ru.net`.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

from mailing import addresses, redaction

BLANK = "…"  # stands where the address or the name stood
TOKEN = "[A-Za-z0-9_-]{20}"  # what stands before the address in the token of a link by which a client leaves
URLSAFE = str.maketrans("+/", "-_")

# What may stand right before and after an address in a text without being a part of it. `'`, `=` and `/` are allowed
# in an address and stand before one far more often: as quotes, in `to=…`, in a path.
_ESCAPED = r"(?<=\\[nrtfv])"
_PERCENT = "(?<=%(?:0[0-9A-Fa-f]|2[0-9ACFacf]|3[A-Fa-f]|5[B-Eb-e]|7[B-Db-d]|[89A-Fa-f][0-9A-Fa-f]))"
_LETTER = "[A-Za-z0-9]"
_BEFORE = rf"(?:{_ESCAPED}|{_PERCENT}|(?<!{_LETTER})(?<!{_LETTER}[._+-])(?<!{_LETTER}[._+-][._+-]))"
_FILE = rf"(?:csv|eml|ods|pdf|tsv|txt|docx?|xls[mx]?)(?!{_LETTER})"  # of a file that was named after somebody
_IN_A_FILE = rf"(?=[^\n<>]{{0,100}}\.{_FILE})"
_AFTER = rf"(?!{_LETTER})(?!-+{_LETTER})(?!\.(?!{_FILE}){_LETTER})"
_E, _YO = "е", "ё"  # the second is mostly written as the first
_BETWEEN = r"[\s_.,+-]+"  # the words of a name; in the name of a file, too
_UNICODE_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_LINK = re.compile(r"[^\s\"'<>]+")
_WORD = re.compile(r"[^\s<>()\[\]\"',;:…]+")
_AT = re.compile(".(?:@|%40).", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_SHORT_TEXT_OF_PICKLE = re.compile(rb"\x8c.", re.DOTALL)  # its length may look like a letter


class Traces:
    """The addresses (normalised) and the names of one person.

    An address is a trace wherever it stands. A name is one beside an address and in the name of a file, and only if
    it has two words: many people may have it, and a client may be called like a sentence of ours. `anywhere`: the
    text is known to be about this person, so the name alone is a trace.
    """

    def __init__(self, emails: Iterable[str], names: Iterable[str] = (), *, anywhere: bool = False) -> None:
        self.addresses = sorted(set(filter(None, emails)))
        self.names = sorted({" ".join(name.split()) for name in names if len(name.split()) > 1})
        spellings = {form for email in self.addresses for form in (email, addresses.display(email))}
        names_found = [*map(_name_pattern, self.names)]
        files = names_found if anywhere else [name + _IN_A_FILE for name in names_found]
        self._pattern = _any_of([*map(_address_pattern, sorted(spellings)), *files])
        self._names = _any_of(names_found)
        self._fragments = {part for email in self.addresses for part in _base64_fragments(email)}
        self._token = re.compile(
            rf"(?<![A-Za-z0-9_-]){TOKEN}(?:{_any_of(map(re.escape, map(_token_tail, self.addresses))).pattern})"
            "(?![A-Za-z0-9_-])"
        )

    # --- finding ---------------------------------------------------------------------------------------

    def likes(self) -> list[str]:
        """Patterns of SQL's LIKE: every text with a trace fits one of them, and few others do."""
        found = {_like(re.findall("[a-z0-9]+", email)) for email in self.addresses}
        found |= {
            _like(re.findall("[a-z0-9]+", email.partition("@")[0])) for email in self.addresses if "xn--" in email
        }
        found |= {f"%{fragment}%" for fragment in self._fragments}
        return sorted(found | {pattern for name in self.names for pattern in _name_likes(name)})

    def are_in(self, value: Any) -> bool:
        """Whether a text, or what JSON holds, tells of the person."""
        return bool(self.blank(value) != value)

    def are_in_bytes(self, data: bytes) -> bool:
        """Of a pickle, which nobody has to load for that."""
        return self.are_in(_SHORT_TEXT_OF_PICKLE.sub(b" ", data).decode("utf-8", "replace"))

    # --- blanking --------------------------------------------------------------------------------------

    def blank(self, value: Any) -> Any:
        """The text, or what JSON holds, with a mark in the place of each trace; anything else as it is."""
        if isinstance(value, str):
            return self._blank_text(value)
        if isinstance(value, list):
            return [self.blank(part) for part in value]
        if isinstance(value, dict):
            return {self.blank(key): self.blank(part) for key, part in value.items()}
        return value

    def _blank_text(self, text: str) -> str:
        if text[:1] in {"[", "{"} and (told := _from_json(text)) is not None:
            try:
                blanked = self.blank(told)
            except RecursionError:  # somebody's riddle: read as plain text
                return self._blank_plain(text)
            return text if blanked == told else json.dumps(blanked, ensure_ascii=False)
        return self._blank_plain(text)

    def _blank_plain(self, text: str) -> str:
        blanked = self._blank_forms(text)
        return blanked if blanked == text else self._names.sub(BLANK, blanked)

    def _blank_forms(self, text: str) -> str:
        text = self._pattern.sub(BLANK, text)
        if "\\u" in text and self._pattern.search(plain := _UNICODE_ESCAPES.sub(_characters, text)):
            text = self._pattern.sub(BLANK, plain)
        if "%" in text:
            text = _LINK.sub(self._without_percents, text)
        if any(fragment in text for fragment in self._fragments):
            text = _BASE64.sub(self._without_base64, self._token.sub(BLANK, text))
        return text

    def _without_percents(self, found: re.Match[str]) -> str:
        """A link may stand in a link: encoded twice."""
        text = found[0]
        for _time in range(2):
            if "%" in text and self._pattern.search(text := unquote_plus(text)):
                return BLANK
        return found[0]

    def _without_base64(self, found: re.Match[str]) -> str:
        run = found[0]
        if not any(fragment in run for fragment in self._fragments):
            return run
        texts = (_from_base64(run[start:]) for start in range(4))
        return BLANK if any(map(self._pattern.search, texts)) else run

    def only(self, text: str) -> str:
        """The text without the addresses of others, fit to be shown to the person themselves."""
        return _WORD.sub(self._own_word, text)

    def _own_word(self, word: re.Match[str]) -> str:
        own = self._pattern.search(word[0])
        if own is None:
            return without_addresses(word[0])
        return word[0] if len(_AT.findall(word[0])) < 2 else own[0]


def without_addresses(text: str) -> str:
    """The text with a mark in the place of whatever looks like an address."""
    return _WORD.sub(lambda word: BLANK if _AT.search(word[0]) else word[0], text)


# --- Forms ------------------------------------------------------------------------------------------


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or "(?!)", re.IGNORECASE)


def _address_pattern(email: str) -> str:
    local, _at, host = email.rpartition("@")
    characters = "".join(map(_character_pattern, email))
    envelope = rf"(?<!{_LETTER}){re.escape(local)}={re.escape(host)}(?=@)"  # bounce+anna=x.ru@relay
    return f"{_BEFORE}{characters}{_AFTER}|{envelope}"


def _character_pattern(character: str) -> str:
    """Itself, or as a link, a DSN (xtext, RFC 3461), quoted-printable or HTML has it."""
    if character.isalnum() or character == ".":
        return re.escape(character)
    code = ord(character)
    return rf"(?:{re.escape(character)}|[%+=]{code:02X}|&#0*{code};|&#x0*{code:X};)"


def _name_pattern(name: str) -> str:
    words = (re.sub(f"[{_E}{_YO}]", f"[{_E}{_YO}]", re.escape(word), flags=re.IGNORECASE) for word in name.split())
    return rf"(?<![^\W_]){_BETWEEN.join(words)}(?![^\W_])"


def _like(words: Iterable[str]) -> str:
    """Between the words stands anything, for what is neither letter nor digit is what encodings change."""
    return f"%{'%'.join(words)}%"


def _name_likes(name: str) -> set[str]:
    """SQLite's LIKE knows the cases of Latin letters only."""
    spellings = {name, name.lower(), name.upper(), name.title()}
    kinds = (_plain_character, _json_character, _percent_character)
    return {_like("".join(map(kind, word)) for word in spelling.split()) for spelling in spellings for kind in kinds}


def _plain_character(character: str) -> str:
    return character if character.isalnum() and character.lower() not in {_E, _YO} else "_"


def _json_character(character: str) -> str:
    """Any character takes the place of the backslash, which is special in one database and not in the other."""
    if character.isascii():
        return character
    return "_u04__" if character.lower() in {_E, _YO} else f"_u{ord(character):04x}"


def _percent_character(character: str) -> str:
    if character.isascii():
        return character
    data = character.encode()
    return "".join("___" if character.lower() in {_E, _YO} else f"_{byte:02X}" for byte in data)


def _base64_fragments(email: str) -> set[str]:
    """How the address looks inside base64, whatever stands before and after it."""
    inner = redaction.inside_base64(email.encode())
    return {*inner, *(part.translate(URLSAFE) for part in inner)}


def _token_tail(email: str) -> str:
    return b64encode(email.encode()).decode().rstrip("=").translate(URLSAFE)


def _from_base64(run: str) -> str:
    """Empty for what is none."""
    run = run.rstrip("=").replace("-", "+").replace("_", "/")
    run = run[: len(run) - (len(run) % 4 == 1)]
    try:
        return b64decode(run + "=" * (-len(run) % 4)).decode("utf-8", "replace")
    except (NotBase64, ValueError):
        return ""


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _characters(found: re.Match[str]) -> str:
    """Beyond the first 65 536 characters one is written as two."""
    data = b"".join(int(code, 16).to_bytes(2, "big") for code in found[0].split("\\u")[1:])
    return data.decode("utf-16-be", "replace")
