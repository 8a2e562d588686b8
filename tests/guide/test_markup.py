from __future__ import annotations

import pytest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mailing.guide import markup


def body(text: str) -> str:
    return markup.render(f"# Title\n\n{text}", address=lambda target: f"/to/{target}", picture=shown).body


def shown(name: str, alt: str) -> SafeString:
    return format_html('<img src="{}" alt="{}">', name, alt)


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("one\ntwo", "<p>one two</p>"),
        ("**weight** and `Ctrl`", "<p><b>weight</b> and <kbd>Ctrl</kbd></p>"),
        ("[here](words)", '<p><a href="/to/words">here</a></p>'),
        ("## Two words", '<h2 id="two-words">Two words</h2>'),
        ("## Два слова", '<h2 id="два-слова">Два слова</h2>'),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("![what](shot)", '<img src="shot" alt="what">'),
        ("a - b, 2. c", "<p>a - b, 2. c</p>"),
    ],
)
def test_signs_become_html(written: str, made: str) -> None:
    assert body(written) == made


@pytest.mark.parametrize(
    "written", ["<script>alert(1)</script>", "**<b onclick=x>**", '[<i>](x"onclick=y)', "## <h1>", "- <li>", "`<x>`"]
)
def test_what_is_no_sign_is_escaped(written: str) -> None:
    made = body(written)
    assert "<script" not in made
    assert "onclick=y" not in made.replace("x&quot;onclick=y", "")
    assert "&lt;" in made


def test_the_first_line_is_the_title() -> None:
    assert markup.render("# All of it\n\ntext", address=str, picture=shown).title == "All of it"
