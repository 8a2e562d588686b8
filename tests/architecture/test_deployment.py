"""What is run for real is confined: units, containers, the proxy's limits, the modes of files."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.core.checks import run_checks
from django.urls import reverse

from backoffice import file_modes
from mailing.tables import reading
from tests.architecture.files import there
from tests.processes import PROJECT

pytestmark = pytest.mark.once

UNITS = ["deploy/systemd/samovar-web.service", "deploy/systemd/samovar-qcluster.service"]
CONFINED = """
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/opt/samovar/var
PrivateTmp=yes
ProtectHome=yes
CapabilityBoundingSet=
RestrictSUIDSGID=yes
SystemCallFilter=@system-service
User=samovar
"""


# --- Units ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_confines_its_process(unit: str) -> None:
    assert set(CONFINED.split()) <= set(there(unit).read_text().splitlines())


def test_both_units_confine_alike() -> None:
    web, qcluster = (there(unit).read_text().partition("# What it writes")[2] for unit in UNITS)
    assert web == qcluster


# --- Containers -------------------------------------------------------------------------------------


def services() -> dict[str, str]:
    text = re.sub(r"<<: \*confined\n", "", there("compose.yaml").read_text().partition("\nservices:\n")[2])
    parts = re.split(r"^  (\w+):\n", text.partition("\nnetworks:\n")[0], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_container_is_confined_and_runs_as_somebody() -> None:
    whole = there("compose.yaml").read_text()
    confined = whole.partition("x-confined:")[2].partition("\n\n")[0]
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert line in confined
    ours = whole.partition("x-samovar:")[2].partition("\nservices:")[0]
    assert "<<: *confined" in ours
    assert re.search(r'user: "[1-9]', ours)
    assert set(services()) == {"migrate", "web", "qcluster", "db", "redis"}
    for name, text in services().items():
        assert "<<: *samovar" in text or re.search(r'^    user: "[1-9]', text, re.MULTILINE), name
    assert whole.count("<<: *confined") == 3


def test_the_queue_of_the_containers_asks_for_a_password() -> None:
    assert "requirepass" in services()["redis"]
    assert "redis://:${REDIS_PASSWORD:?" in there("compose.yaml").read_text()


def test_images_are_named_exactly() -> None:
    images = re.findall(r"^    image: (\S+)", there("compose.yaml").read_text(), re.MULTILINE)
    images += re.findall(r"^FROM (\S+)", there("Dockerfile").read_text(), re.MULTILINE)
    assert len(images) == 3
    assert [
        image for image in images if not re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-[\w-]+(@sha256:[0-9a-f]{64})?", image)
    ] == []


# --- The proxy --------------------------------------------------------------------------------------

NGINX = "deploy/nginx/samovar.conf"


def limit(text: str) -> int:
    number, unit = re.findall(r"client_max_body_size\s+(\d+)([km]);", text)[0]
    return int(number) * {"k": 2**10, "m": 2**20}[unit]


def test_the_proxy_lets_through_what_samovar_takes_and_little_more() -> None:
    text = there(NGINX).read_text()
    general = limit(text)
    for page in ("admin:mailing_client_import", "admin:mailing_suppression_file"):
        files = limit(text.partition(f"location {reverse(page)}")[2])
        assert reading.SIZE_LIMIT < files < 1.5 * reading.SIZE_LIMIT
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE < general < 2 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert f"location = {reverse('admin:login')} {{" in text


def test_the_proxy_passes_on_nothing_that_a_visitor_claims_about_himself() -> None:
    """TRUST_PROXY believes these."""
    text = there(NGINX).read_text()
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in text


# --- Modes of files ---------------------------------------------------------------------------------


def test_a_database_that_is_made_is_for_its_user_alone(tmp_path: Path) -> None:
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/new.sqlite3"}
    before = os.umask(0o022)
    try:
        subprocess.run(
            [sys.executable, "manage.py", "showmigrations"],
            cwd=PROJECT,
            env=environment,
            check=True,
        )
    finally:
        os.umask(before)
    assert [oct(stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.glob("new.sqlite3*")] == ["0o600"]


@pytest.mark.parametrize("door", ["wsgi", "asgi"])
def test_a_web_server_starts_and_what_it_writes_is_for_its_user_alone(door: str) -> None:
    program = f"import os; os.umask(0o022); import backoffice.{door}; print(oct(os.umask(0)))"
    bare = {"PATH": os.environ["PATH"], "DEBUG": "true"}  # gunicorn knows no DJANGO_SETTINGS_MODULE
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=bare, check=True, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "0o77"


@pytest.mark.parametrize(("mode", "named"), [(0o644, True), (0o646, True), (0o600, False), (0o640, False)])
def test_settings_that_anybody_may_read_are_named(
    tmp_path: Path, settings: LazySettings, mode: int, named: bool
) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / ".env").touch(mode=0o600)
    (tmp_path / ".env").chmod(mode)
    found = run_checks(tags=["security"], include_deployment_checks=True)
    ours = [message.msg for message in found if message.id == "backoffice.W001" and ".env" in message.msg]
    assert len(ours) == named


def test_the_files_of_a_database_count_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "samovar.sqlite3"}
    monkeypatch.setitem(settings.DATABASES, "default", database)
    (tmp_path / "samovar.sqlite3-wal").touch()
    (tmp_path / "samovar.sqlite3-wal").chmod(0o644)
    open_files = [path.name for path in file_modes.holding_secrets() if file_modes.open_to_others(path)]
    assert open_files == ["samovar.sqlite3-wal"]
