"""The chapters: what somebody does with the documents in hand, and what they must see."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from tests.fresh import documents
from tests.fresh.documents import PROJECT, Typed
from tests.fresh.machine import Machine, Terminal

ADMIN = "anna"  # sits down at the machine and may use sudo
SITE = "https://letters.example.com"
PASSWORD = "a-long-password-of-hers"
ORIGIN = "/srv/samovar.git"
ENV = "/opt/samovar/.env"
PYTHON = "cd /opt/samovar && sudo -u samovar .venv/bin/python"

# What the programs ask, and what a person answers. The password is the one that the documents' DATABASE_URL shows.
ANSWERS = {
    r"Do you want to continue\? \[Y/n\]": "y",
    r"Enter password for new role:": "password",
    r"Enter it again:": "password",
    r"(?:leave blank to use|оставьте пустым)[^\n]*:": "boss",
    r"(?:Email address|Эл. почта)[^\n]*:": "boss@example.com",
    r"^Password(?: \(again\))?:": PASSWORD,
    r"\nPassword(?: \(again\))?:": PASSWORD,
}
# Typed differently here, and why.
INSTEAD = {
    # What a document cannot know.
    "<address of this repository>": ORIGIN,
    "<day of the backup>": "today",
}
BY_HAND = re.compile(
    r"sudo nano "
)  # an editor: the file needs no change, because it is for the host of the documents


class Journey:
    def __init__(self, machine: Machine, log: TextIO) -> None:
        self.machine = machine
        self.log = log
        self.admin: Terminal | None = None
        self.samovar: Terminal | None = None

    # --- Telling ------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        print(text, flush=True)  # noqa: T201
        self.log.write(f"{text}\n")
        self.log.flush()

    def chapter(self, name: str) -> None:
        self.say(f"\n=== {name} " + "=" * (90 - len(name)))

    def expect(self, holds: bool, what: str) -> None:
        assert holds, f"not as the documents say: {what}"
        self.say(f"  ok: {what}")

    # --- Typing -------------------------------------------------------------------------------------

    def sit_down(self) -> Terminal:
        """A shell of one's own."""
        if self.admin is None:
            self.admin = self.machine.terminal(ADMIN)
        return self.admin

    def become_samovar(self) -> Terminal:
        if self.samovar is None:
            self.samovar = self.machine.terminal(ADMIN)
            self.samovar.type("sudo -u samovar bash")
            self.samovar.type("cd /opt/samovar")
        return self.samovar

    def leave_samovar(self) -> None:
        if self.samovar is not None:
            self.samovar.close()
            self.samovar = None

    def type(self, typed: Typed, *, fails: bool = False, who: Terminal | None = None) -> str:
        """Types it where it belongs; it must end well."""
        text = typed.text
        for written, meant in INSTEAD.items():
            text = text.replace(written, meant)
        if BY_HAND.match(text):
            return ""
        if text == "sudo -u samovar bash":
            self.leave_samovar()
            self.become_samovar()
            return ""
        terminal = who or (self.sit_down() if typed.by_admin else self.become_samovar())
        began = time.monotonic()
        code, said = terminal.type(text, ANSWERS)
        self.say(f"  $ {text}" + (f"   ({time.monotonic() - began:.0f} s)" if time.monotonic() - began > 2 else ""))
        self.log.write(said)
        if text == "exit":
            self.leave_samovar()
        assert fails or code == 0, f"{text}\nended with {code}:\n{said[-3000:]}"
        return said

    def follow(
        self, text: str, leave_out: str = "", before: Mapping[str, Callable[[], None]] | None = None
    ) -> list[str]:
        """All commands of a text. `before`: what a sentence asks a person to do before the command that begins so."""
        answers, waiting = [], dict(before or {})
        for typed in documents.commands(text):
            if leave_out and re.search(leave_out, typed.text):
                continue
            for beginning in [one for one in waiting if typed.text.startswith(one)]:
                waiting.pop(beginning)()
            answers.append(self.type(typed))
        assert not waiting, f"no command begins with {list(waiting)} any more"
        return answers

    # --- By hand ------------------------------------------------------------------------------------

    def set(self, **values: str) -> None:
        """Edits `.env` as a person would."""
        for name, value in values.items():
            line = f"{name}={value}"
            quoted = line.replace("'", "'\\''")
            self.machine.root(f"sed -i '/^{name}=/d' {ENV} && printf '%s\\n' '{quoted}' >> {ENV}")
            self.say(f"  .env: {name}={'…' if 'KEY' in name else value}")

    def health(self, wanted: Callable[[dict[str, object]], bool], seconds: float = 60) -> dict[str, object]:
        """What /healthz says, through the proxy, as soon as it is as wanted."""
        give_up, answer = time.monotonic() + seconds, ""
        while time.monotonic() < give_up:
            answer = self.machine.root(f"curl --silent {SITE}/healthz || true", check=False)
            with suppress(ValueError):
                found: dict[str, object] = json.loads(answer)
                if wanted(found):
                    return found
            time.sleep(1)
        raise AssertionError(f"/healthz says {answer}")

    def django(self, program: str) -> str:
        """Runs a program in the installation, as scripts do."""
        return self.machine.root(f"{PYTHON} manage.py shell -v 0 <<'END'\n{program}\nEND")

    def wait(self, probe: Callable[[], bool], what: str, seconds: float = 120) -> None:
        give_up = time.monotonic() + seconds
        while not probe():
            assert time.monotonic() < give_up, f"waited {seconds:g} s in vain: {what}"
            time.sleep(1)
        self.say(f"  ok: {what}")


# --- What others provide: people, a name, a certificate, a mail provider --------------------------------


def furnish(journey: Journey, tree: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", "--bare", str(PROJECT), str(tree / ORIGIN.lstrip("/"))], check=True)
    root = journey.machine.root
    root(f"""
        useradd --create-home --skel /nowhere --shell /bin/bash {ADMIN}
        echo '{ADMIN} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{ADMIN}
        printf '[safe]\\n\\tdirectory = *\\n' > /etc/gitconfig
        chmod -R a+rX {ORIGIN}
        echo '127.0.0.1 localhost fresh letters.example.com smtp.example.com' > /etc/hosts
        mkdir -p /root/ca && cd /root/ca
        openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj '/CN=Fresh test authority' -keyout ca.key -out ca.crt
        for name in letters smtp; do
            openssl req -newkey rsa:2048 -nodes -subj "/CN=$name.example.com" -keyout $name.key -out $name.csr
            printf 'subjectAltName=DNS:%s.example.com' $name > $name.ext
            openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 9 -extfile $name.ext \\
                -out $name.crt
        done
        cp ca.crt /usr/local/share/ca-certificates/fresh.crt
        update-ca-certificates
        cp letters.crt /etc/ssl/letters.example.com.pem
        install --mode 600 letters.key /etc/ssl/private/letters.example.com.key
    """)
    root("apt-get update -q")
    journey.say("Furnished: a user with sudo, a test authority, names of hosts")


def provide_mail(journey: Journey) -> None:
    """smtp.example.com: Postfix with STARTTLS at port 587, all letters into one box."""
    journey.machine.root("""
        echo 'postfix postfix/main_mailer_type select Internet Site' | debconf-set-selections
        echo 'postfix postfix/mailname string smtp.example.com' | debconf-set-selections
        apt-get install -y -q --no-install-recommends postfix
        useradd --create-home inbox
        postconf -e inet_interfaces=loopback-only 'mydestination=localhost, example.com, example.org' \\
            local_recipient_maps= virtual_alias_maps=static:inbox@localhost home_mailbox=Maildir/ \\
            smtputf8_enable=no smtpd_tls_cert_file=/root/ca/smtp.crt smtpd_tls_key_file=/root/ca/smtp.key
        postconf -M 'submission/inet=submission inet n - n - - smtpd'
        postconf -P submission/inet/smtpd_tls_security_level=encrypt
        systemctl restart postfix
    """)


def letters(journey: Journey) -> int:
    return int(journey.machine.root("(find /home/inbox/Maildir/new -type f 2>/dev/null || true) | wc -l"))


# --- Chapters -------------------------------------------------------------------------------------------


def readme(journey: Journey) -> None:
    """As a newcomer: what README asks for, and its command."""
    text = documents.section("README.md", "Try it")
    journey.expect(
        "needs Python 3.11 or newer (with venv) and make" in " ".join(text.split()), "README says what it needs"
    )
    me = journey.sit_down()
    journey.type(Typed("sudo apt install --no-install-recommends git python3-venv make"))
    for line in (f"git clone {ORIGIN} samovar", "cd samovar"):
        journey.type(Typed(line), who=me)
    (command,) = [typed.text for typed in documents.commands(text)]
    me.start(command)
    journey.say(f"  $ {command}")
    look = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/admin/login/').status)"
    journey.wait(
        lambda: "200" in journey.machine.root(f'python3 -c "{look}" 2>&1 || true', check=False),
        "the demo answers",
        600,
    )
    box = f"/home/{ADMIN}/samovar/var/mailbox"
    journey.wait(
        lambda: journey.machine.root(f"find {box} -type f | wc -l || true").strip() != "0", "a letter lies there"
    )
    open_files = journey.machine.root(f"find /home/{ADMIN}/samovar/var -perm /o=rwx | head").strip()
    journey.expect(open_files == "", f"nothing below var can be read by others {open_files}")
    journey.log.write(me.interrupt()[1])
    left = journey.machine.root(f"pgrep -u {ADMIN} -f 'gunicorn|manage.py' || true").strip()
    journey.expect(left == "", "Ctrl-C stops everything")
    journey.type(Typed("make check"), who=me)
    journey.type(Typed('make test ARGS="tests/pure tests/tables"'), who=me)
    journey.type(Typed("cd"), who=me)


def install(journey: Journey) -> None:
    """docs/how-to/install.md from the machine to the first login."""
    page = "docs/how-to/install.md"
    provide_mail(journey)
    for heading in ("1. The machine", "2. A user, and the program", "3. A database", "4. Settings"):
        journey.say(f"-- {heading}")
        journey.follow(documents.section(page, heading))
    shown = documents.settings(documents.section(page, "4. Settings"))
    journey.set(**shown | {"SECRET_KEY": secrets.token_urlsafe(50), "QUEUE_KEY": secrets.token_urlsafe(50)})
    journey.say("-- 5. Tables")
    answers = journey.follow(documents.section(page, "5. Tables, style sheets, the first login"))
    journey.expect(
        any("System check identified no issues" in said for said in answers), "check --deploy has no issues"
    )
    for heading in ("6. Services", "7. A proxy that speaks TLS"):
        journey.say(f"-- {heading}")
        journey.follow(documents.section(page, heading))
    journey.say("-- 8. Prove it")
    journey.follow(documents.section(page, "8. Prove it"))
    _units(journey)
    _doors(journey)


def _units(journey: Journey) -> None:
    root = journey.machine.root
    for unit in ("samovar-web", "samovar-qcluster"):
        said = root(f"systemd-analyze verify /etc/systemd/system/{unit}.service 2>&1 || true", check=False)
        ours = [line for line in said.splitlines() if "samovar" in line]
        journey.expect(not ours, f"systemd-analyze verify has nothing to say about {unit} {ours}")
        score = root(f"systemd-analyze security --no-pager {unit} | tail -1", check=False)
        journey.say(f"  systemd-analyze security: {score.strip()}")
        status = root(f"cat /proc/$(systemctl show --property MainPID --value {unit})/status")
        journey.expect(
            "NoNewPrivs:\t1" in status and "CapBnd:\t0000000000000000" in status, f"{unit} can gain no right"
        )
    outside = root("find /opt/samovar/.env /opt/samovar/var -perm /o=rwx")
    journey.expect(outside.strip() == "", f"settings and data are its user's alone {outside}")
    probe = (
        "nsenter --target $(systemctl show --property MainPID --value samovar-web) --mount touch /opt/samovar/x 2>&1"
    )
    journey.expect(
        "Read-only file system" in root(f"{probe} || true", check=False), "the web cannot write to its program"
    )


def _doors(journey: Journey) -> None:
    root = journey.machine.root
    journey.health(lambda found: found.get("status") == "ok" and found.get("clusters") == 1)
    journey.say("  ok: /healthz says ok, with one qcluster")
    head = root(f"curl --silent --head {SITE}/admin/login/")
    for line in ("200", "strict-transport-security", "content-security-policy", "x-content-type-options: nosniff"):
        journey.expect(line in head.lower(), f"a page of the admin says {line}")
    plain = root("curl --silent --head http://letters.example.com/admin/")
    journey.expect(f"location: {SITE}/admin/" in plain.lower(), "plain http is sent to https")
    status = "curl --silent --output /dev/null --write-out '%{http_code}'"
    large = root(f"head -c 200000 /dev/zero | {status} --data-binary @- {SITE}/admin/login/")
    journey.expect(large == "413", f"a log-in of 200 kB is refused by the proxy ({large})")
    forged = root(f"{status} -H 'Host: evil.example' {SITE}/admin/")
    journey.expect(forged == "400", f"another host's name is refused ({forged})")
    program = LOGIN.replace("PASSWORD", repr(PASSWORD)).replace("SITE", repr(SITE))
    said = root(f"python3 - <<'END'\n{program}\nEND", check=False)
    journey.expect(said.strip() == "True", f"the superuser logs in through the proxy {said.strip()[-300:]}")


LOGIN = """
import http.cookiejar, re, urllib.parse, urllib.request
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
page = opener.open(SITE + "/admin/login/").read().decode()
mark = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
form = {"csrfmiddlewaretoken": mark, "username": "boss", "password": PASSWORD, "next": "/admin/"}
headers = {"Referer": SITE + "/admin/login/"}
request = urllib.request.Request(SITE + "/admin/login/", urllib.parse.urlencode(form).encode(), headers)
answer = opener.open(request)
print("/admin/logout/" in answer.read().decode())
"""

MAILING = """
from django.utils import timezone
from mailing.models import Client, Mailing, Message
people = [Client.objects.get_or_create(email=f"person{n}@example.org")[0] for n in range(NUMBER)]
message = Message.objects.create(subject="News NAME", body="Good morning, {{ greeting }}!")
mailing = Mailing.objects.create(message=message, start_at=timezone.now(), periodicity="weekly")
mailing.clients.set(people)
"""


def letter(journey: Journey) -> None:
    """A mailing made by a script: the confined qcluster sends it through STARTTLS to a real mail server."""
    before = letters(journey)
    journey.django(MAILING.replace("NUMBER", "5").replace("NAME", "one"))
    journey.wait(lambda: letters(journey) >= before + 5, "five letters lie in the box", 180)
    journey.expect(_found(journey, "News one") == 5, "they are ours")
    log = journey.machine.root("journalctl --no-pager -u samovar-web -u samovar-qcluster -p warning -o cat || true")
    journey.expect("Traceback" not in log, "the log has no traceback")
    journey.say("-- operate: First, three looks")
    answers = journey.follow(documents.section("docs/how-to/operate.md", "First, three looks"))
    journey.expect('"status": "ok"' in answers[0], "the first look: ok")
    journey.expect(
        "0 found" in answers[1] or "найдено: 0" in answers[1].lower(), f"the second look: {answers[1].strip()[-80:]}"
    )


RESTORE = "docs/how-to/restore.md"
SQLITE = r"sqlite3|broken/|copy\.sqlite3"


def backup(journey: Journey) -> None:
    page = documents.section(RESTORE)
    head = page.partition("## Back up")[0]
    journey.follow(head)
    answers = journey.follow(documents.section(RESTORE, "Back up"), leave_out=SQLITE)
    journey.expect(int(answers[-1].split()[0]) > 20, f"the backup can be read: {answers[-1].strip()} tables")
    _backup_of_sqlite(journey)


def _backup_of_sqlite(journey: Journey) -> None:
    """In the newcomer's demo: the same lines, in its folder."""
    demo = f"/home/{ADMIN}/samovar"
    if "sqlite3" not in journey.machine.root(f"ls {demo}/var 2>/dev/null || true"):
        return
    journey.type(Typed("sudo apt install --no-install-recommends sqlite3"))
    me = journey.sit_down()
    journey.type(Typed(f"cd {demo}"), who=me)
    lines = [one for one in documents.commands(documents.section(RESTORE, "Back up")) if re.search(SQLITE, one.text)]
    for typed in lines:
        said = journey.type(typed, who=me)
    journey.expect(said.strip().endswith("ok"), "the backup of SQLite is whole")
    journey.type(Typed("cd"), who=me)


def restore(journey: Journey) -> None:
    """After the backup one more mailing was sent, and somebody unsubscribed; then the data are lost."""
    journey.django(MAILING.replace("NUMBER", "3").replace("NAME", "two"))
    journey.wait(lambda: _found(journey, "News two") == 3, "three more letters, after the backup", 180)
    unfolded = "cat /home/inbox/Maildir/new/* | tr -d '\\r\\n'"
    found = journey.machine.root(f"{unfolded} | grep -oE '<{SITE}/u/[^>]+>' | sed -n 1p")
    link = re.sub(r"[<>\s]", "", found)
    goodbye = f"curl --silent --write-out '%{{http_code}}' --output /dev/null -d List-Unsubscribe=One-Click '{link}'"
    gone = journey.machine.root(goodbye)
    journey.expect(gone == "200", f"somebody unsubscribed by one click ({gone})")
    number = letters(journey)
    steps = documents.section(RESTORE, "Restore at the same address")
    answers = journey.follow(
        steps,
        leave_out=SQLITE,
        before={
            "sudo -u postgres psql": lambda: journey.set(MAILING_SENDING_ENABLED="false"),
            "sudo grep -ohE": lambda: _look_at_the_pages(journey),
            "sudo systemctl restart samovar-web": lambda: journey.set(MAILING_SENDING_ENABLED="true"),
        },
    )
    journey.expect(any("200 /u/" in said for said in answers), "the goodbye was brought back")
    back = journey.django("from mailing.models import Suppression; print('left:', Suppression.objects.count())")
    journey.expect("left: 1" in back, "who unsubscribed is on the stop list again")
    journey.health(lambda found: found.get("status") == "ok")  # the backup brings the heartbeat of its moment along
    time.sleep(70)  # a tick
    journey.expect(letters(journey) == number, "nobody was written to twice")


def _look_at_the_pages(journey: Journey) -> None:
    ask = f"curl --silent --output /dev/null --write-out '%{{http_code}}' {SITE}/admin/login/"
    journey.wait(lambda: journey.machine.root(ask) == "200", "the pages are there")


def _found(journey: Journey, subject: str) -> int:
    return int(
        journey.machine.root(f"(grep -rl '^Subject: {subject}' /home/inbox/Maildir/new 2>/dev/null || true) | wc -l")
    )


def version_before() -> str:
    """The commit before the one that began the version of now."""
    ask = ["git", "log", "--format=%H", "-G^version = ", "--max-count=1", "--", "pyproject.toml"]
    began = subprocess.run(ask, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.strip()
    return f"{began}^"


def upgrade(journey: Journey) -> None:
    """The version before, in the same place with data of its own; then docs/how-to/upgrade.md."""
    journey.leave_samovar()
    before = version_before()
    journey.machine.root(f"""
        systemctl stop samovar-qcluster samovar-web
        sudo -u postgres psql -q -c 'DROP DATABASE samovar' -c 'DROP DATABASE IF EXISTS samovar_broken'
        sudo -u postgres createdb --owner samovar --encoding UTF8 --template template0 samovar
        cd /opt/samovar
        sudo -u samovar git checkout --quiet -B main {before}
        sudo -u samovar .venv/bin/pip install --quiet --requirement requirements.txt
        sudo -u samovar .venv/bin/python manage.py migrate --verbosity 0
        sudo -u samovar .venv/bin/python manage.py collectstatic --noinput --verbosity 0
        systemctl start samovar-web samovar-qcluster
    """)
    journey.django(MAILING.replace("NUMBER", "4").replace("NAME", "three"))
    journey.wait(
        lambda: _found(journey, "News three") == 4, f"{before}: four letters were sent by the version before", 240
    )
    number = letters(journey)
    page = documents.section("docs/how-to/upgrade.md").partition("## Staff rights")[0]
    answers = journey.follow(page, before={"git merge": lambda: _back_up(journey)})
    journey.expect(
        any("System check identified no issues" in said for said in answers), "check --deploy has no issues"
    )
    journey.health(lambda found: found.get("status") == "ok" and found.get("clusters") == 1)
    journey.expect("0 found" in answers[-1] or "0" in answers[-1], f"check_mailings: {answers[-1].strip()[-60:]}")
    kept = journey.django(
        "from mailing.models import Attempt; print('sent:', sum(a.sent for a in Attempt.objects.all()))"
    )
    journey.expect("sent: 4" in kept, "the runs of the version before are there")
    journey.expect(letters(journey) == number, "nobody was written to twice")
    journey.django(MAILING.replace("NUMBER", "2").replace("NAME", "four"))
    journey.wait(lambda: _found(journey, "News four") == 2, "the new version sends", 180)


def _back_up(journey: Journey) -> None:
    """Step 4 of the upgrade: as in the other document."""
    journey.type(Typed("DATABASE_URL=$(sed -n 's/^DATABASE_URL=//p' .env)"))
    journey.follow(documents.section(RESTORE, "Back up"), leave_out=SQLITE)


CHAPTERS: dict[str, Callable[[Journey], None]] = {
    "readme": readme,
    "install": install,
    "letter": letter,
    "backup": backup,
    "restore": restore,
    "upgrade": upgrade,
}
