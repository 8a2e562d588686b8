"""Pictures of every page into var/shots/: `python -m tests.browser.shots [part of a page name …]`.

Each page in Russian and English, light and dark, wide and phone, on a seeded demo of its own.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
USER = "admin"
HIGHEST = 6000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only pages whose name contains one of these")
    parser.add_argument("--languages", nargs="+", default=["ru", "en"])
    parser.add_argument("--themes", nargs="+", default=["light", "dark"])
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "shots")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="samovar-shots-") as folder:
        port = free_port()
        os.environ |= {
            "DATABASE_URL": f"sqlite:///{folder}/shots.sqlite3",
            "DJANGO_SETTINGS_MODULE": "backoffice.settings",
            "SITE_URL": f"http://127.0.0.1:{port}",
            "LANGUAGE_CODE": "ru",
        }
        for command in (["migrate", "-v0"], ["seed_demo"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            take(f"http://127.0.0.1:{port}", options)
        finally:
            server.terminate()
            server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    for _try in range(120):
        try:
            urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=5).close()
            return
        except OSError:
            time.sleep(0.25)
    raise SystemExit("The server did not start.")


def take(base: str, options: argparse.Namespace) -> None:
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.test import Client

    from tests.browser.chromium import SIZES, launched
    from tests.browser.pages import Page, discover

    logging.disable(logging.ERROR)  # the search for pages meets 403 and 404 on purpose
    client = Client(headers={"host": base.removeprefix("http://")})
    client.force_login(User.objects.get(username=USER), backend="django.contrib.auth.backends.ModelBackend")
    pages = [Page("login", "/admin/login/"), *discover(client)]
    if options.names:
        pages = [page for page in pages if any(name in page.name for name in options.names)]
    options.out.mkdir(parents=True, exist_ok=True)
    taken = 0
    with launched() as browser:
        for language, theme, (width, size) in product(options.languages, options.themes, SIZES):
            context = browser.new_context(viewport=size, color_scheme=theme, locale="ru-RU")
            cookies = {"django_language": language, "sessionid": client.cookies["sessionid"].value}
            for page in pages:
                context.clear_cookies()
                kept = {k: v for k, v in cookies.items() if not (page.name == "login" and k == "sessionid")}
                context.add_cookies([{"name": k, "value": v, "url": base} for k, v in kept.items()])
                tab = context.new_page()
                tab.goto(base + page.url, wait_until="networkidle")
                unroll(tab, size)
                tab.screenshot(path=options.out / f"{page.name}.{language}.{theme}.{width}.png")
                tab.close()
                taken += 1
            context.close()
    sys.stdout.write(f"{taken} pictures of {len(pages)} pages in {options.out}\n")


def unroll(tab: Any, size: Any) -> None:
    """Makes the window as high as the page: bars that stick to an edge would cover the middle of a long picture."""
    height = tab.evaluate("document.documentElement.scrollHeight")
    tab.set_viewport_size(size | {"height": min(max(height, size["height"]), HIGHEST)})


if __name__ == "__main__":
    main()
