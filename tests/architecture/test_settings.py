from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from itertools import pairwise

import pytest
from django.core.exceptions import ImproperlyConfigured

from backoffice import env
from tests.processes import PROJECT

READERS = {name for name, _reader in inspect.getmembers(env, inspect.isfunction)}
STRONG_KEY = "k3y-" + "".join(f"{n:02}" for n in range(40))


def read_by_settings() -> set[str]:
    tree = ast.parse((PROJECT / "backoffice/settings.py").read_text())
    names = set()
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)):
            continue
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if called in READERS and re.fullmatch("[A-Z][A-Z_]+", str(call.args[0].value)):
            names.add(str(call.args[0].value))
    return names


def test_every_variable_is_in_the_sample_with_advice_and_nothing_else_is() -> None:
    lines = (PROJECT / ".env.sample").read_text().splitlines()
    named = {line.split("=")[0]: before for before, line in pairwise(lines) if "=" in line[:40]}
    named = {name: before for name, before in named.items() if re.fullmatch("[A-Z_]+", name)}
    assert set(named) == read_by_settings()
    assert all(before.startswith("# ") for before in named.values())


def test_every_variable_is_explained_in_the_documentation_and_nothing_else_is() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", (PROJECT / "docs/reference/settings.md").read_text(), re.MULTILINE)
    assert {name for row in rows for name in re.findall("`([A-Z_]+)`", row)} == read_by_settings()


def test_an_empty_variable_counts_as_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_CONNECTIONS", " ")
    assert env.count("SMTP_CONNECTIONS", default=4) == 4


def test_a_password_is_taken_with_its_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", " open sesame ")
    assert env.exactly("EMAIL_HOST_PASSWORD") == " open sesame "


@pytest.mark.parametrize("address", ["postgres://me:hidden@host:port/name", "mysql://me:hidden@host/name"])
def test_a_refused_address_of_a_database_shows_no_password(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refusal:
        env.database("DATABASE_URL", default="")
    assert "hidden" not in str(refusal.value)


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """Loads the settings in a process of its own, as every command does."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", "import backoffice.settings"],
        cwd=PROJECT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sample_itself_is_a_valid_configuration() -> None:
    lines = (PROJECT / ".env.sample").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if re.match("[A-Z_]+=", line))
    answer = start(**{name: value for name, value in pairs if name != "SECRET_KEY"})
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(
    ("environment", "advice"),
    [
        ({"DEBUG": "false"}, "SECRET_KEY is missing or weak"),
        ({"DEBUG": "false", "SECRET_KEY": "a" * 60}, "SECRET_KEY is missing or weak"),
        ({"DEBUG": "false", "SECRET_KEY": "demo-only-" + "samovar" * 8}, "SECRET_KEY is missing or weak"),
        ({"ALLOWED_HOSTS": "letters.example.com"}, "DEBUG=true is a demo"),
        ({"DEMO": "perhaps"}, "DEMO"),
        ({"SITE_URL": "letters.example.com"}, "SITE_URL"),
        ({"TIME_ZONE": "Moscow/Europe"}, "TIME_ZONE"),
        ({"TIME_ZONE": "../etc/passwd"}, "TIME_ZONE"),
        ({"LANGUAGE_CODE": "fr"}, "LANGUAGE_CODE"),
        ({"EMAIL_SECURITY": "ssl"}, "EMAIL_SECURITY"),
        ({"EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_USER": "me"}, "EMAIL_SECURITY"),
        ({"EMAIL_PORT": "many"}, "EMAIL_PORT"),
        ({"SMTP_CONNECTIONS": "0"}, "SMTP_CONNECTIONS"),
        ({"SMTP_CLAIMS_AHEAD": "-1"}, "SMTP_CLAIMS_AHEAD"),
        ({"SMTP_DOT_TIMEOUT": "nan"}, "SMTP_DOT_TIMEOUT"),
        ({"SMTP_REPLY_TIMEOUT": "inf"}, "SMTP_REPLY_TIMEOUT"),
        ({"MAILING_RETRY_DELAYS": "5,-1"}, "MAILING_RETRY_DELAYS"),
        ({"MAILING_RETRY_DELAYS": "soon"}, "MAILING_RETRY_DELAYS"),
        ({"MAILING_TICK_SECONDS": "soon"}, "MAILING_TICK_SECONDS"),
        ({"MAILING_RATE_LIMIT": "14 per second"}, "MAILING_RATE_LIMIT"),
        ({"MAILING_SENDING_ENABLED": "perhaps"}, "MAILING_SENDING_ENABLED"),
        ({"DELIVERY_RETENTION_DAYS": "0"}, "DELIVERY_RETENTION_DAYS"),
        ({"Q_WORKERS": "no"}, "Q_WORKERS"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"ADMINS": "nobody"}, "ADMINS"),
        ({"REDIS_URL": "localhost"}, "REDIS_URL"),
        ({"QUEUE_KEY": "a" * 60}, "QUEUE_KEY is weak"),
        ({"QUEUE_KEY": STRONG_KEY, "SECRET_KEY": STRONG_KEY}, "or SECRET_KEY once more"),
        ({"EMAIL_BACKEND": "no.such.Backend"}, "EMAIL_BACKEND"),
        ({"DEFAULT_FROM_EMAIL": "nobody"}, "DEFAULT_FROM_EMAIL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_nonsense_is_refused_at_start_with_a_sentence(environment: dict[str, str], advice: str) -> None:
    answer = start(**environment)
    last = answer.stderr.strip().splitlines()[-1:]
    assert answer.returncode == 1, f"accepted {environment}"
    assert last[0].startswith("django.core.exceptions.ImproperlyConfigured: "), last
    assert advice in last[0]


@pytest.mark.parametrize(
    "environment",
    [
        {"MAILING_TICK_SECONDS": "0.5", "MAILING_SLICE_SECONDS": "1", "MAILING_LEASE_SECONDS": "2"},
        {"MAILING_RATE_LIMIT": "14/s"},
        {"ADMINS": "Anna <anna@example.com>, boris@example.com"},
        {"DEBUG": "false", "SECRET_KEY": STRONG_KEY, "ALLOWED_HOSTS": "letters.example.com"},
        {"REDIS_URL": "redis://127.0.0.1:6379/0"},
        {"QUEUE_KEY": STRONG_KEY},
    ],
    ids=" ".join,
)
def test_sensible_values_are_taken(environment: dict[str, str]) -> None:
    answer = start(**environment)
    assert answer.returncode == 0, answer.stderr
