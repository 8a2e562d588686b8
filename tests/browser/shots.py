"""Pictures of every page and scene into var/shots/: `python -m tests.browser.shots [part of a page name …]`.

Each in Russian and English, light and dark, wide and phone, on a seeded demo of its own. With `--guide` those
that the guide for staff shows, into its folder.
"""

from __future__ import annotations

import argparse
import base64
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
STRANGERS = {
    "login",
    "password_reset",
    "scene_login_code",
    "scene_unsubscribe",
    "scene_unsubscribed",
    "scene_unsubscribe_unknown",
}
HIGHEST = 6000

# Pictures of the guide (mailing/guide), by the name it calls them: the page or scene.
GUIDE = {
    "overview": "index",
    "clients": "mailing_client_changelist",
    "import": "scene_import_check",
    "message": "mailing_message_change",
    "mailing": "scene_mailing_sending",
    "attempt": "scene_attempt_failed",
    "report": "mailing_attempt_report",
    "calendar": "mailing_mailing_calendar",
    "stop-list": "mailing_suppression_changelist",
}
AS_WEBP = """async (png) => {
    const picture = new Image();
    picture.src = "data:image/png;base64," + png;
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return canvas.toDataURL("image/webp", 0.8).split(",")[1];
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only pages whose name contains one of these")
    parser.add_argument("--languages", nargs="+", default=["ru", "en"])
    parser.add_argument("--themes", nargs="+", default=["light", "dark"])
    parser.add_argument("--guide", action="store_true", help="the pictures of the guide for staff")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "shots")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="samovar-shots-") as folder:
        port = free_port()
        os.environ |= {
            "DATABASE_URL": f"sqlite:///{folder}/shots.sqlite3",
            "DJANGO_SETTINGS_MODULE": "backoffice.settings",
            "DEBUG": "true",
            "SITE_URL": f"http://127.0.0.1:{port}",
            "LANGUAGE_CODE": "ru",
            "SECOND_FACTOR": "optional",
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

    from tests.browser import sending_scenes
    from tests.browser.chromium import SIZES, launched
    from tests.browser.pages import Page, discover
    from tests.browser.scenes import SCENES, Stage, furnish

    logging.disable(logging.ERROR)  # the search for pages meets 403 and 404 on purpose
    furnish()
    sending_scenes.furnish()
    client = Client(headers={"host": base.removeprefix("http://")})
    client.force_login(User.objects.get(username=USER), backend="django.contrib.auth.backends.ModelBackend")
    pages = [Page("login", "/admin/login/"), *discover(client)]
    plays = {page.name: _opening(page.url) for page in pages} | SCENES | sending_scenes.SCENES
    if options.names:
        plays = {name: play for name, play in plays.items() if any(part in name for part in options.names)}
    session = client.cookies["sessionid"].value
    if options.guide:
        illustrate(base, session, plays, options.languages)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    with launched() as browser:
        for language, theme, (width, size) in product(options.languages, options.themes, SIZES):
            context = browser.new_context(viewport=size, color_scheme=theme, locale="ru-RU")
            for name, play in plays.items():
                context.clear_cookies()
                kept = {"django_language": language} | ({} if name in STRANGERS else {"sessionid": session})
                context.add_cookies([{"name": k, "value": v, "url": base} for k, v in kept.items()])
                tab = context.new_page()
                sending_scenes.breathe()
                play(Stage(tab, base, language))
                unroll(tab, size)
                tab.screenshot(path=options.out / f"{name}.{language}.{theme}.{width}.png")
                tab.close()
            context.close()
    count = len(list(product(options.languages, options.themes, SIZES))) * len(plays)
    sys.stdout.write(f"{count} pictures of {len(plays)} pages in {options.out}\n")


def illustrate(base: str, session: str, plays: dict[str, Any], languages: list[str]) -> None:
    """The pictures of the guide: one window each, light, small files. A page that is not there yet is left out."""
    from mailing.guide import pages
    from tests.browser import sending_scenes
    from tests.browser.chromium import launched
    from tests.browser.scenes import Stage

    width, height = pages.PICTURE_SIZE
    with launched() as browser:
        for language, (name, page) in product(languages, GUIDE.items()):
            if page not in plays:
                sys.stdout.write(f"{name}: there is no page {page}\n")
                continue
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme="light", locale=language
            )
            for cookie, value in {"django_language": language, "sessionid": session}.items():
                context.add_cookies([{"name": cookie, "value": value, "url": base}])
            tab = context.new_page()
            sending_scenes.breathe()
            plays[page](Stage(tab, base, language))
            png = base64.b64encode(tab.screenshot()).decode()
            file = pages.PICTURES / language / f"{name}.webp"
            file.parent.mkdir(parents=True, exist_ok=True)
            tab.goto("about:blank")  # its own policy of contents lets nothing of this happen
            file.write_bytes(base64.b64decode(tab.evaluate(AS_WEBP, png)))
            context.close()
            sys.stdout.write(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} KB\n")


def _opening(url: str) -> Any:
    return lambda stage: stage.go(url)


def unroll(tab: Any, size: Any) -> None:
    """Makes the window as high as the page: bars that stick to an edge would cover the middle of a long picture."""
    height = tab.evaluate("document.documentElement.scrollHeight")
    tab.set_viewport_size(size | {"height": min(max(height, size["height"]), HIGHEST)})


if __name__ == "__main__":
    main()
