"""What processes say when they cannot begin: one sentence, an exit code, no traceback, and no piece of a secret."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import PROJECT

pytestmark = pytest.mark.once

NOT_CONFIGURED, TRY_LATER, GUNICORN_GIVES_UP = 78, 75, 3
STRONG_KEY = "k3y-" + "".join(f"{n:02}" for n in range(40))
SECRET = "sunflower7291Quartz"
# Where a character of a password moves the parts of an address.
PASSWORDS = [
    f"{SECRET[:9]}{sign}{SECRET[9:]}" for sign in ("/", "@", "#", "?", ":", "[", " ", "%", "%zz", "\n", "\\")
]
PASSWORDS += [f"1234{sign}{SECRET}" for sign in "/#?"] + [f"{SECRET}/1@2", f"a@{SECRET}/"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project where no developer has put an .env beside manage.py."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "backoffice", folder / "backoffice")
    shutil.copy(PROJECT / "manage.py", folder)
    for name in ("mailing", "templates", "tests", "README.md"):
        (folder / name).symlink_to(PROJECT / name)
    return folder


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LANGUAGE_CODE": "en"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=own | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def said(answer: subprocess.CompletedProcess[str]) -> str:
    text = answer.stdout + answer.stderr
    assert "Traceback" not in text
    assert 'File "' not in text
    pieces = {SECRET[n : n + 4] for n in range(len(SECRET) - 3)}
    assert [piece for piece in pieces if piece in text] == []
    return text


def refused(answer: subprocess.CompletedProcess[str], name: str) -> None:
    text = said(answer)
    assert answer.returncode == NOT_CONFIGURED, text
    assert len(text.splitlines()) == 1
    assert text.startswith(f"{name} in the environment: ")


def test_no_password_in_an_address_is_ever_shown(project: Path) -> None:
    """Refused, or taken whole: then nobody is there, and it is not shown either."""
    for password in PASSWORDS:
        redis = run(project, "manage.py", "check", DEBUG="true", REDIS_URL=f"redis://:{password}@127.0.0.1:9/0")
        if redis.returncode:
            refused(redis, "REDIS_URL")
        url = f"postgres://samovar:{password}@127.0.0.1:9/samovar"
        database = run(project, "manage.py", "check_mailings", DEBUG="true", DATABASE_URL=url)
        if database.returncode == TRY_LATER:
            assert said(database).startswith("The database does not work: ")
        else:
            refused(database, "DATABASE_URL")


@pytest.mark.parametrize(
    ("name", "value", "others"),
    [
        ("SITE_URL", f"https://me:{SECRET}@letters.example.com", {}),
        ("SITE_URL", f"http://{SECRET}[", {}),
        ("EMAIL_HOST", f"smtp://me:{SECRET}@smtp.example.com:587", {}),
        ("EMAIL_HOST", f"{SECRET} ", {"EMAIL_HOST": f"a {SECRET}"}),
        ("EMAIL_PORT", SECRET, {}),
        ("EMAIL_SECURITY", SECRET, {}),
        ("EMAIL_SECURITY", "none", {"EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_USER": SECRET}),
        ("EMAIL_BACKEND", f"{SECRET}.{SECRET}", {}),
        ("EMAIL_BACKEND", SECRET, {}),
        ("DEFAULT_FROM_EMAIL", SECRET, {}),
        ("ADMINS", SECRET, {}),
        ("DEBUG", SECRET, {}),
        ("DEMO", SECRET, {}),
        ("TIME_ZONE", SECRET, {}),
        ("TIME_ZONE", f"/{SECRET}", {}),
        ("LANGUAGE_CODE", SECRET, {}),
        ("MAILING_RATE_LIMIT", SECRET, {}),
        ("MAILING_RETRY_DELAYS", SECRET, {}),
        ("Q_WORKERS", SECRET, {}),
        ("SECRET_KEY_FALLBACKS", SECRET, {"DEBUG": "false", "SECRET_KEY": STRONG_KEY}),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_in_one_sentence_that_does_not_repeat_it(
    name: str, value: str, others: dict[str, str], project: Path
) -> None:
    environment = {"DEBUG": "true", name: value, "EMAIL_HOST_PASSWORD": SECRET} | others
    refused(run(project, "manage.py", "check", **environment), name)


def test_a_weak_key_is_refused_and_not_shown(project: Path) -> None:
    answer = run(project, "manage.py", "check", SECRET_KEY=SECRET)
    assert answer.returncode == NOT_CONFIGURED
    assert said(answer).startswith("SECRET_KEY is missing or weak.")


def test_what_nobody_foresaw_in_the_settings_is_told_without_its_words(tmp_path: Path, project: Path) -> None:
    (tmp_path / "odd.py").write_text(f"int({SECRET!r})\n")
    odd = {"PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "odd"}
    answer = run(project, "manage.py", "check", **odd)
    assert answer.returncode == NOT_CONFIGURED
    assert said(answer) == "The settings cannot be read: ValueError at line 1 of odd.py.\n"


@pytest.mark.parametrize("command", ["check", "migrate", "qcluster", "tick", "demo", "run_mailing 1", "runserver"])
def test_a_newcomer_without_configuration_is_told_what_to_type(command: str, project: Path) -> None:
    answer = run(project, "manage.py", *command.split())
    assert answer.returncode == NOT_CONFIGURED
    for words in ("make run", "cp .env.sample .env", "docs/how-to/install.md"):
        assert words in said(answer)


def test_a_web_server_stops_in_words_instead_of_trying_for_ever(project: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ("-m", "gunicorn", "backoffice.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket")
    answer = run(project, *arguments, DEBUG="true", DATABASE_URL=f"postgres://me:1{SECRET}/@127.0.0.1/x")
    assert answer.returncode == GUNICORN_GIVES_UP
    assert "DATABASE_URL in the environment: " in said(answer)


# --- A database without tables ----------------------------------------------------------------------

COMMANDS = [
    "check_mailings",
    "tick",
    "qcluster",
    "run_mailing 1",
    "run_mailing 1 --dry-run",
    "show_mailing 1",
    "show_attempt 1",
    "sync_groups",
    "seed_demo",
    "import_clients README.md",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_a_database_without_tables_says_run_migrate(command: str, tmp_path: Path, project: Path) -> None:
    answer = run(
        project, "manage.py", *command.split(), DEBUG="true", DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3"
    )
    assert "Run “manage.py migrate”." in said(answer), answer
    assert answer.returncode == NOT_CONFIGURED


def test_the_web_on_a_database_without_tables_says_run_migrate(tmp_path: Path, project: Path) -> None:
    visit = (
        "import django; django.setup(); from django.conf import settings; settings.DEBUG = False;"
        "from django.test import Client;"
        "c = Client(raise_request_exception=False, headers={'accept-language': 'en'}, SERVER_NAME='localhost');"
        "c.cookies['sessionid'] = 'x' * 32; a = c.get('/admin/'); print(a.status_code, a.content.decode())"
    )
    answer = run(
        project,
        "-c",
        visit,
        DJANGO_SETTINGS_MODULE="tests.settings",
        DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3",
    )
    assert answer.stdout.startswith("503"), answer
    assert "Run “manage.py migrate”." in answer.stdout
