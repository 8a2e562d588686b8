"""What an attempt keeps of its message: styles inlined, a text version, and a way to leave (rule 12 of a run)."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from typing import NamedTuple

import css_inline
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from inscriptis import get_text
from inscriptis.model.config import ParserConfig

from mailing import placeholders
from mailing.models import Message
from mailing.placeholders import Field

LEAVE = "{{ unsubscribe_url }}"


class Prepared(NamedTuple):
    """The texts of an attempt; their fields are still open. `html_body` is empty for a plain letter."""

    subject: str
    html_body: str
    text_body: str


def prepare(message: Message) -> Prepared:
    """Raises `placeholders.Invalid` (a saved message was checked; a row made by a script may not have been)."""
    placeholders.parse(message.subject)
    html_body = inline(message.body) if message.is_html else ""
    text_body = (message.text_body.strip() and message.text_body) or to_text(message.body)
    if not message.is_html:
        text_body = message.body
    with translation.override(settings.LANGUAGE_CODE):  # the clients', not that of whoever pressed the button
        return Prepared(message.subject, _leavable_html(html_body), _leavable_text(text_body))


def inline(html: str) -> str:
    """The document with its styles on the elements, because mail programs drop style sheets; nothing is fetched.

    What cannot stand on an element (@media, :hover) stays in the sheet.
    """
    if _is_too_deep(html):
        return html
    marked, fields = _marked(html)
    return _unmarked(_INLINER.inline(marked), fields)


def to_text(html: str) -> str:
    """The document as plain text, with the addresses of its links."""
    marked, fields = _marked(html)
    text = get_text(marked, ParserConfig(display_links=True)) if marked.strip() else ""
    return _unmarked(_LINK.sub(_link, text).strip() + "\n", fields)


_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, remove_inlined_selectors=True)
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^\s()]+)\)")


def _link(found: re.Match[str]) -> str:
    text, address = found[1].strip(), found[2].removeprefix("mailto:")
    return address if text in {"", address} else f"{text}: {address}"


def _is_too_deep(html: str) -> bool:
    """css-inline follows elements recursively: 12 000 within each other ended the whole process (0.24)."""
    still_open: Counter[str] = Counter()
    deepest = depth = 0
    for found in _TAG.finditer(html):
        end, name = found[1], found[2].lower()
        step = 1 if not end else -1 if still_open[name] else 0
        still_open[name] += step
        depth += step
        deepest = max(deepest, depth)
    return deepest > DEEPEST_INLINED


_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
DEEPEST_INLINED = 4000


def _marked(text: str) -> tuple[str, list[Field]]:
    """The text with a plain word for each field: an HTML parser would rewrite quotes and braces."""
    fields: list[Field] = []
    words: list[str] = []
    for part in placeholders.parse(text):
        if isinstance(part, Field):
            words.append(f"{_MARK}{len(fields)}e")
            fields.append(part)
        else:
            words.append(part)
    return "".join(words), fields


_MARK = f"field{secrets.token_hex(8)}n"  # nobody can have written it


def _unmarked(text: str, fields: list[Field]) -> str:
    return re.sub(rf"{_MARK}(\d+)e", lambda found: placeholders.source(fields[int(found[1])]), text)


def _leavable_html(html: str) -> str:
    if not html or "unsubscribe_url" in placeholders.names(html):
        return html
    words = _("Unsubscribe from these letters")
    footer = (
        '<p style="margin:24px 0 0;font-size:12px;line-height:1.4;color:#6b6b6b">'
        f'<a href="{LEAVE}" style="color:#6b6b6b">{words}</a></p>'
    )
    before, end, after = html.rpartition("</body>")
    return f"{before}{footer}{end}{after}" if end else html + footer


def _leavable_text(text: str) -> str:
    if "unsubscribe_url" in placeholders.names(text):
        return text
    words = _("Unsubscribe from these letters")
    return f"{text.rstrip()}\n\n{words}: {LEAVE}\n"
