"""`make fresh` types what the documents say: every block of code is told to be commands, settings, or an answer."""

from __future__ import annotations

import re

import pytest

from tests.fresh import documents

PAGES = [f"docs/how-to/{name}.md" for name in ("install", "operate", "upgrade", "restore")]
ANSWER = re.compile(r"\{\"status\"|\s*scrape_configs:|\d+ \d+ \* \* \* ")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_is_understood(page: str) -> None:
    firsts = [block[0] for block in documents.blocks(documents.section(page))]
    known = (documents.COMMAND, documents.SETTING, ANSWER)
    assert firsts
    assert [line for line in firsts if not any(pattern.match(line) for pattern in known)] == []


def test_a_command_over_several_lines_is_one_and_a_line_of_its_own_is_another() -> None:
    text = "Type:\n\n    sudo grep x |\n    while read -r path; do\n        curl $path\n    done\n    exit\n\nDone.\n"
    assert [typed.text.count("\n") for typed in documents.commands(text)] == [3, 0]
    assert [typed.by_admin for typed in documents.commands(text)] == [True, False]


def test_what_a_program_answers_is_not_typed() -> None:
    assert documents.commands('\n    {"status": "ok"}\n') == []


def test_settings_are_taken_without_the_words_beside_them() -> None:
    shown = documents.settings(documents.section("docs/how-to/install.md", "4. Settings"))
    assert shown["SECRET_KEY"] == ""
    assert shown["DEBUG"] == "false"
    assert shown["DATABASE_URL"].endswith("/samovar")


def test_a_heading_that_was_renamed_is_told() -> None:
    with pytest.raises(LookupError, match="no heading"):
        documents.section("README.md", "Try something else")
