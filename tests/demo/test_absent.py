"""An installation without the demo: the product works, and nothing of the demo is left in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.doors.table import DEMO, DOORS, NOT_DOORS
from tests.processes import PROJECT

pytestmark = pytest.mark.once

COMMANDS = {"demo", "mailbox", "seed_demo"}
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "k3y-" + "".join(f"{n:02}" for n in range(40)),
    "QUEUE_KEY": "qu3ue-" + "".join(f"{n:02}" for n in range(40)),
    "SITE_URL": "https://letters.example.com",
    "ALLOWED_HOSTS": "letters.example.com",
    "TRUST_PROXY": "true",
}
# Where the demo would show itself: DEBUG, an empty database, a superuser.
VISIT = """
import json, re, sys
sys.modules |= {"aiosmtpd": None, "honcho": None}  # whoever imports them fails
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command, get_commands
from django.test import Client
from django.urls import get_resolver

def named(resolver):
    for pattern in resolver.url_patterns:
        yield from named(pattern) if hasattr(pattern, "url_patterns") else [pattern.name]

call_command("migrate", verbosity=0)
browser = Client(SERVER_NAME="localhost", headers={"accept-language": "en"})
browser.force_login(User.objects.create_superuser("boss"), "django.contrib.auth.backends.ModelBackend")
overview = browser.get("/admin/").content.decode()
sections = re.findall(r'<a href="(/admin/[^"]*)"', overview)
print(json.dumps({
    "commands": list(get_commands()),
    "addresses": [name for name in named(get_resolver()) if name],
    "overview": overview,
    "answers": {address: browser.get(address).status_code for address in sections},
    "gone": [browser.get("/admin/mailbox/").status_code, browser.post("/admin/examples/").status_code],
    "loaded": [name for name in sys.modules if name.startswith("mailing.demo")],
}))
"""


def copy(folder: Path, *left_out: str) -> Path:
    """What the Dockerfile copies, without these paths."""

    def ignored(at: str, names: list[str]) -> list[str]:
        inside = Path(at).relative_to(PROJECT)
        return [name for name in names if name == "__pycache__" or str(inside / name) in left_out]

    for name in re.findall(r"^COPY (\S+) ", (PROJECT / "Dockerfile").read_text(), re.MULTILINE):
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder)
    return folder


def image(folder: Path) -> Path:
    lines = (PROJECT / ".dockerignore").read_text().split()
    return copy(folder, *(line for line in lines if not line.startswith(("!", "*"))))


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "DJANGO_SETTINGS_MODULE": "backoffice.settings"}
    arguments = [sys.executable, *command]
    return subprocess.run(
        arguments, cwd=folder, env=own | environment, capture_output=True, text=True, check=False, timeout=120
    )


def visited(folder: Path, **environment: str) -> dict[str, Any]:
    done = run(folder, "-c", VISIT, DEBUG="true", **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(params=["the image", "switched off"])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    return visited(image(tmp_path)) if request.param == "the image" else visited(copy(tmp_path), DEMO="false")


def test_every_section_opens_and_nothing_of_the_demo_is_left(found: dict[str, Any]) -> None:
    assert len(found["answers"]) > 10
    assert set(found["answers"].values()) == {200}
    assert found["gone"] == [404, 404]
    assert "demo" not in found["overview"].lower()
    assert found["loaded"] == []
    assert COMMANDS.isdisjoint(found["commands"])
    assert "run_mailing" in found["commands"]
    doors = {door.name.split(":")[-1] for door in DOORS if door not in DEMO}
    assert set(found["addresses"]) == doors | NOT_DOORS.keys()


def test_the_same_visit_finds_the_demo_where_it_is_installed(tmp_path: Path) -> None:
    found = visited(copy(tmp_path))
    assert set(found["commands"]) >= COMMANDS
    assert {door.name.split(":")[-1] for door in DEMO} <= set(found["addresses"])
    assert found["answers"]["/admin/mailbox/"] == 200


def test_the_image_has_nothing_to_complain_of_in_production(tmp_path: Path) -> None:
    folder = image(tmp_path)
    assert not (folder / "mailing/demo").exists()
    for command in (["collectstatic", "--noinput"], ["check", "--deploy"]):
        done = run(folder, "manage.py", *command, **PRODUCTION)
        assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_who_asks_for_a_demo_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    done = run(image(tmp_path), "manage.py", "check", DEBUG="true", DEMO="true")
    assert done.stderr.strip().splitlines()[-1].endswith("no folder mailing/demo. Leave DEMO out.")


def test_the_product_is_installed_without_the_packages_of_the_demo() -> None:
    def packages(path: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+)\S*==", (PROJECT / path).read_text(), re.MULTILINE))

    assert packages("mailing/demo/requirements.txt") >= {"aiosmtpd", "honcho"}
    assert packages("mailing/demo/requirements.txt").isdisjoint(packages("requirements.txt"))
