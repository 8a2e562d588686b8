from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from backoffice import env
from tests.processes import PROJECT

READERS = {name for name, _reader in inspect.getmembers(env, inspect.isfunction)}
STRONG_KEY = "k3y-" + "".join(f"{n:02}" for n in range(40))
DEMO_KEY = "demo-only-" + "samovar" * 8
PRODUCTION = {"DEBUG": "false", "SECRET_KEY": STRONG_KEY}


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


def test_a_password_may_begin_like_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "$HOME")
    assert env.exactly("EMAIL_HOST_PASSWORD") == "$HOME"


@pytest.mark.parametrize("address", ["postgres://me:hidden@host:port/name", "mysql://me:hidden@host/name"])
def test_a_refused_address_of_a_database_shows_no_password(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refusal:
        env.database("DATABASE_URL", default="")
    assert "hidden" not in str(refusal.value)


# --- .env -------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DEBUG", "SECRET_KEY", "EMAIL_HOST", "ADMINS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / ".env"


def refusal_of(file: Path) -> str:
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.load(file)
    return str(refusal.value)


def test_without_any_configuration_nothing_is_guessed(file: Path) -> None:
    assert "make run" in refusal_of(file)
    assert "cp .env.sample .env" in refusal_of(file)


@pytest.mark.parametrize("given", [{"DEBUG": "true"}, {"SECRET_KEY": STRONG_KEY}])
def test_the_environment_alone_is_a_configuration(
    file: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    """Containers have no file."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    env.load(file)


def test_a_file_that_cannot_be_read_is_no_missing_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "true")
    file.symlink_to(file.parent / "nowhere")
    assert "cannot be read (No such file or directory)" in refusal_of(file)
    file.unlink()
    file.mkdir()
    assert "cannot be read (Is a directory)" in refusal_of(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_file_of_another_user_is_refused_in_words() -> None:
    load = "import os, sys; from pathlib import Path; from backoffice import env; import encodings.utf_8_sig;"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder, ".env")
        file.write_text("DEBUG=true\n")
        file.chmod(0o600)
        code = f"{load} os.setuid(65534); env.load(Path({str(file)!r}))"
        answer = subprocess.run(
            [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
        )
    assert "cannot be read (Permission denied)" in answer.stderr


@pytest.mark.parametrize(
    "line",
    [
        b"sunflower",
        b"DEBUG = sunflower",
        b" SECRET_KEY=sunflower",
        b"SECRET_KEY=sun\x00flower",
        b"SECRET_KEY:sunflower",
    ],
)
def test_a_line_that_sets_nothing_is_named_by_its_number_alone(file: Path, line: bytes) -> None:
    file.write_bytes(b"# ours\n\n  # and theirs\nDEBUG=true\n" + line + b"\n")
    said = refusal_of(file)
    assert said.startswith("Line 5 of ")
    assert "flower" not in said


def test_a_file_in_another_encoding_is_refused(file: Path) -> None:
    file.write_bytes("ADMINS=Анна <anna@example.com>".encode("cp1251"))
    assert "UTF-8" in refusal_of(file)


def test_a_refusal_says_where_the_value_stands(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("\ufeffEMAIL_HOST='a b'\nDEBUG=perhaps\n")
    monkeypatch.setenv("DEBUG", "maybe")
    env.load(file)
    with pytest.raises(ImproperlyConfigured, match=r"EMAIL_HOST in \.env: "):
        env.host("EMAIL_HOST", "")
    with pytest.raises(ImproperlyConfigured, match="DEBUG in the environment: "):
        env.flag("DEBUG", default=False)
    monkeypatch.delenv("EMAIL_HOST")


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
    answer = start(**dict(pairs) | {"SECRET_KEY": STRONG_KEY})
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(
    ("environment", "advice"),
    [
        ({"DEBUG": "false"}, "SECRET_KEY is missing or weak"),
        ({"DEBUG": "false", "SECRET_KEY": "a" * 60}, "SECRET_KEY is missing or weak"),
        ({"DEBUG": "false", "SECRET_KEY": DEMO_KEY}, "SECRET_KEY is missing or weak"),
        ({"ALLOWED_HOSTS": "letters.example.com"}, "DEBUG=true is a demo"),
        ({"DEMO": "perhaps"}, "DEMO"),
        ({"SITE_URL": "letters.example.com"}, "SITE_URL"),
        ({"SITE_URL": "https://me:word@letters.example.com"}, "SITE_URL"),
        ({"SITE_URL": "https://letters.example.com:many"}, "SITE_URL"),
        (PRODUCTION | {"SITE_URL": "http://letters.example.com"}, "https://"),
        (PRODUCTION | {"SITE_URL": "http://127.0.0.1.example.com"}, "https://"),
        (PRODUCTION | {"SECRET_KEY_FALLBACKS": DEMO_KEY}, "SECRET_KEY_FALLBACKS"),
        (PRODUCTION | {"SECRET_KEY_FALLBACKS": f"{STRONG_KEY},short"}, "SECRET_KEY_FALLBACKS"),
        (PRODUCTION | {"SECRET_KEY": f"django-insecure-{STRONG_KEY}"}, "SECRET_KEY is missing or weak"),
        ({"TIME_ZONE": "Moscow/Europe"}, "TIME_ZONE"),
        ({"TIME_ZONE": "Europe"}, "TIME_ZONE"),
        ({"TIME_ZONE": "../etc/passwd"}, "TIME_ZONE"),
        ({"LANGUAGE_CODE": "fr"}, "LANGUAGE_CODE"),
        ({"EMAIL_SECURITY": "ssl"}, "EMAIL_SECURITY"),
        ({"EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_USER": "me"}, "EMAIL_SECURITY"),
        ({"EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_USER": "me", "EMAIL_SECURITY": "none"}, "none-i-mean-it"),
        ({"EMAIL_HOST": "smtp example.com"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "smtp://smtp.example.com"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "smtp.example.com:587"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "smtp_1.example.com"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "smtp..example.com"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "smtp.example.com/"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "-smtp.example.com"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "smtp\x1b[2J.example.com"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "10.0.0.256"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "a" * 64 + ".example.com"}, "EMAIL_HOST"),
        ({"EMAIL_HOST": "long." * 60 + "example.com"}, "EMAIL_HOST"),
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
        ({"DATABASE_URL": "postgres://me@127.0.0.1/"}, "DATABASE_URL"),
        ({"ADMINS": "nobody"}, "ADMINS"),
        ({"REDIS_URL": "localhost"}, "REDIS_URL"),
        ({"QUEUE_KEY": "a" * 60}, "QUEUE_KEY is weak"),
        ({"QUEUE_KEY": STRONG_KEY, "SECRET_KEY": STRONG_KEY}, "or SECRET_KEY once more"),
        ({"REDIS_URL": "redis://localhost:many/0"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://localhost:6379/first"}, "REDIS_URL"),
        ({"TRUSTED_PROXY_COUNT": "0"}, "TRUSTED_PROXY_COUNT"),
        ({"SESSION_IDLE_SECONDS": "0"}, "SESSION_IDLE_SECONDS"),
        ({"SESSION_MAX_SECONDS": "never"}, "SESSION_MAX_SECONDS"),
        ({"HSTS": "true"}, "HSTS"),
        ({"SECOND_FACTOR": "sometimes"}, "SECOND_FACTOR"),
        ({"FAILED_LOGIN_RETENTION_DAYS": "0"}, "FAILED_LOGIN_RETENTION_DAYS"),
        ({"JOURNAL_RETENTION_DAYS": "for ever"}, "JOURNAL_RETENTION_DAYS"),
        ({"EMAIL_BACKEND": "no.such.Backend"}, "EMAIL_BACKEND"),
        ({"DEFAULT_FROM_EMAIL": "nobody"}, "DEFAULT_FROM_EMAIL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_nonsense_is_refused_at_start_with_a_sentence(environment: dict[str, str], advice: str) -> None:
    answer = start(**{"DEBUG": "true"} | environment)
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
        {"REDIS_URL": "rediss://:p%2Fss@redis.example.com"},
        {"REDIS_URL": "unix:///run/redis/redis.sock?db=1"},
        {"DATABASE_URL": "postgres://me:p%2Fss%40word@db.example.com:5432/samovar?sslmode=verify-full"},
        {"DATABASE_URL": "postgres://me:word@one.example.com:5432,two.example.com:5432/samovar"},
        {"DATABASE_URL": "sqlite:////srv/our letters@work/samovar.sqlite3"},
        {"DATABASE_URL": "sqlite://:memory:"},
        {"EMAIL_HOST": "почта.рф"},
        {"EMAIL_HOST": "2001:db8::25"},
        {"EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_USER": "me", "EMAIL_SECURITY": "none-i-mean-it"},
        {"EMAIL_HOST": "127.0.0.2", "EMAIL_HOST_USER": "me", "EMAIL_SECURITY": "none"},
        PRODUCTION | {"SITE_URL": "http://[::1]:8000", "SECRET_KEY_FALLBACKS": STRONG_KEY},
    ],
    ids=" ".join,
)
def test_sensible_values_are_taken(environment: dict[str, str]) -> None:
    answer = start(**{"DEBUG": "true"} | environment)
    assert answer.returncode == 0, answer.stderr
