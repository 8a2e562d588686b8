"""Who takes part: each sends a number of letters to a sink, and only the sink's count is believed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

from benchmarks import letters as wording
from benchmarks import measuring
from benchmarks.sinks import Sink

HERE = Path(__file__).parent
ROOT = HERE.parent


@dataclass(frozen=True, slots=True)
class Result:
    """What one contestant did in one round."""

    letters: int
    cost: measuring.Cost
    sink_cpu: float = 0.0  # seconds; a contestant that makes the sink work more has less of the machine

    @property
    def per_second(self) -> float:
        return self.letters / self.cost.wall

    @property
    def cpu_per_thousand(self) -> float:
        return self.cost.cpu / self.letters * 1000

    @property
    def sink_cpu_per_thousand(self) -> float:
        return self.sink_cpu / self.letters * 1000


@dataclass(frozen=True, slots=True)
class Before:
    """What a sink had done before a contestant took its turn."""

    accepted: int
    cpu: float

    @classmethod
    def of(cls, sink: Sink) -> Before:
        return cls(sink.accepted(), sink.cpu())


def counted(sink: Sink, before: Before, expected: int, cost: measuring.Cost, log: Path) -> Result:
    """The result, if the sink saw every letter; a contestant that loses letters has no speed."""
    accepted = sink.accepted() - before.accepted
    if accepted != expected or cost.code != 0:
        tail = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(
            f"{accepted} of {expected} letters arrived (exit code {cost.code}). Its last words:\n{tail}"
        )
    return Result(accepted, cost, sink.cpu() - before.cpu)


class Samovar:
    """The product as it is run: `manage.py run_mailing`, a process of its own, ledger and all."""

    def __init__(
        self,
        folder: Path,
        clients: int,
        *,
        database_url: str = "",
        mailings: int = 1,
        state: str = "active",
        letter: str = "lines",
    ) -> None:
        self.folder = folder
        self.clients = clients
        self.log = folder / "samovar.log"
        self.database_url = database_url or f"sqlite:///{folder / f'samovar-{clients}-{letter}.sqlite3'}"
        seeded = subprocess.run(
            [sys.executable, "-m", "benchmarks.seeding", str(clients), str(mailings), state, letter],
            env=self.environment(port=1), cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        self.mailings = [int(pk) for pk in seeded.stdout.split()]

    def environment(self, *, port: int, connections: int = 20, **more: str) -> dict[str, str]:
        return os.environ | {
            "PYTHONDONTWRITEBYTECODE": "",  # nobody's installation compiles itself anew for every command
            "DEBUG": "false",  # as in production: with DEBUG Django keeps the text of every query
            "SECRET_KEY": "benchmark-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF",
            "DATABASE_URL": self.database_url,
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(port),
            "EMAIL_SECURITY": "none",
            "SMTP_CONNECTIONS": str(connections),
            "LANGUAGE_CODE": "en",
            **more,
        }

    def send(self, sink: Sink, *, connections: int = 20, **settings: str) -> Result:
        """One whole run of the first mailing: from the start of the process to its exit."""
        before = Before.of(sink)
        cost = measuring.run(
            [sys.executable, "manage.py", "run_mailing", str(self.mailings[0]), "--again"],
            env=self.environment(port=sink.port, connections=connections, **settings),
            log=self.log,
            cwd=ROOT,
        )
        return counted(sink, before, self.clients, cost, self.log)


class SmtpSource:
    """Postfix's load generator, written in C. `kept`: connections are kept (-d), else one per letter.

    Its letter is as long as the `letter` it stands against is before anything is encoded: how many bytes become of it
    on the line (ours of Russian paragraphs is a third longer in base64) is the choice, and the cost, of whoever sends
    it. Its own are ready bytes, the same for everybody, in lines of 80.
    """

    HEADERS = 423  # bytes, and borders between text and HTML; the short-lined letter is 2048 with them

    def __init__(self, folder: Path, *, kept: bool, letter: str = "lines") -> None:
        self.log = folder / "smtp-source.log"
        self.kept = kept
        _subject, text, html = wording.LETTERS[letter]
        self.length = len((text + html).encode()) + self.HEADERS

    def send(self, sink: Sink, letters: int, *, connections: int = 20) -> Result:
        program = shutil.which("smtp-source", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("smtp-source is missing: install Debian's package postfix.")
        before = Before.of(sink)
        command = [program, *(["-d"] if self.kept else []), "-s", str(connections), "-m", str(letters)]
        addresses = ["-f", "samovar@example.com", "-t", "client@example.com", f"127.0.0.1:{sink.port}"]
        cost = measuring.run([*command, "-l", str(self.length), *addresses], log=self.log)
        return counted(sink, before, letters, cost, self.log)


class Peer:
    """A way to send letters from Django, as people do it today."""

    def __init__(self, folder: Path, name: str, python: Path) -> None:
        self.folder = folder
        self.name = name
        self.python = python
        self.log = folder / f"{name}.log"

    def send(self, sink: Sink, letters: int) -> Result:
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            call = [str(self.python), str(HERE / "peers.py"), self.name]
            rest = [str(sink.port), str(letters), f"{scratch}/peer.sqlite3"]
            prepared = measuring.run([*call, "prepare", *rest], log=self.log, cwd=Path(scratch))
            if prepared.code:
                raise RuntimeError(f"{self.name} could not queue its letters: {self.log.read_text()[-2000:]}")
            before = Before.of(sink)
            cost = measuring.run([*call, "send", *rest], log=self.log, cwd=Path(scratch))
        return counted(sink, before, letters, cost, self.log)


def peers(folder: Path) -> list[Peer]:
    """The peers, in an environment of their own that is made once (var/peers)."""
    home = ROOT / "var" / "peers"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        install = ("-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:")
        subprocess.run([str(python), *install, "--requirement", str(HERE / "requirements-peers.txt")], check=True)
    return [Peer(folder, name, python) for name in ("django", "post_office", "mailer")]
