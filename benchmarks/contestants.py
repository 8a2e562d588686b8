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

from benchmarks import measuring
from benchmarks.sinks import Sink

HERE = Path(__file__).parent
ROOT = HERE.parent


@dataclass(frozen=True, slots=True)
class Result:
    """What one contestant did in one round."""

    letters: int
    cost: measuring.Cost

    @property
    def per_second(self) -> float:
        return self.letters / self.cost.wall

    @property
    def cpu_per_thousand(self) -> float:
        return self.cost.cpu / self.letters * 1000


def counted(sink: Sink, before: int, expected: int, cost: measuring.Cost, log: Path) -> Result:
    """The result, if the sink saw every letter; a contestant that loses letters has no speed."""
    accepted = sink.accepted() - before
    if accepted != expected or cost.code != 0:
        tail = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(
            f"{accepted} of {expected} letters arrived (exit code {cost.code}). Its last words:\n{tail}"
        )
    return Result(accepted, cost)


class Samovar:
    """The product as it is run: `manage.py run_mailing`, a process of its own, ledger and all."""

    def __init__(
        self, folder: Path, clients: int, *, database_url: str = "", mailings: int = 1, state: str = "active"
    ) -> None:
        self.folder = folder
        self.clients = clients
        self.log = folder / "samovar.log"
        self.database_url = database_url or f"sqlite:///{folder / f'samovar-{clients}.sqlite3'}"
        seeded = subprocess.run(
            [sys.executable, "-m", "benchmarks.seeding", str(clients), str(mailings), state],
            env=self.environment(port=1), cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        self.mailings = [int(pk) for pk in seeded.stdout.split()]

    def environment(self, *, port: int, connections: int = 20, **more: str) -> dict[str, str]:
        return os.environ | {
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

    def send(self, sink: Sink, *, connections: int = 20, claims_ahead: int = 100) -> Result:
        """One whole run of the first mailing: from the start of the process to its exit."""
        before = sink.accepted()
        cost = measuring.run(
            [sys.executable, "manage.py", "run_mailing", str(self.mailings[0]), "--again"],
            env=self.environment(port=sink.port, connections=connections, SMTP_CLAIMS_AHEAD=str(claims_ahead)),
            log=self.log,
            cwd=ROOT,
        )
        return counted(sink, before, self.clients, cost, self.log)


class SmtpSource:
    """Postfix's load generator, written in C. `kept`: connections are kept (-d), else one per letter."""

    def __init__(self, folder: Path, *, kept: bool) -> None:
        self.log = folder / "smtp-source.log"
        self.kept = kept

    def send(self, sink: Sink, letters: int, *, connections: int = 20) -> Result:
        program = shutil.which("smtp-source", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("smtp-source is missing: install Debian's package postfix.")
        before = sink.accepted()
        command = [program, *(["-d"] if self.kept else []), "-s", str(connections), "-m", str(letters), "-l", "2048"]
        addresses = ["-f", "samovar@example.com", "-t", "client@example.com", f"127.0.0.1:{sink.port}"]
        cost = measuring.run([*command, *addresses], log=self.log)
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
            before = sink.accepted()
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
