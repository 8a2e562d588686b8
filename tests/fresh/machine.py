"""A bare Debian with systemd as its first process, in a namespace of its own with a loopback of its own.

Nothing of this machine shines through but its mirrors, its certificates and its pip settings: they are read from apt
and pip, so that the machine inside reaches packages the way this one does.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

NEEDED = {"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container", "slirp4netns": "slirp4netns"}
# A server as one gets it: systemd, sudo, certificates. Everything else the documents have to ask for.
INCLUDED = ("systemd", "systemd-sysv", "dbus", "sudo", "ca-certificates", "openssl", "procps", "iproute2")
PROMPT = re.compile(r"<(\d+)>@@ $")
CA_FOLDER = Path("/usr/local/share/ca-certificates")


def missing() -> list[str]:
    """Debian packages that have to be there to make a machine."""
    return [package for program, package in NEEDED.items() if shutil.which(program) is None]


def build(tree: Path) -> None:
    """The bare system, from the mirrors that apt knows here."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    sources = [path for path in map(Path, SOURCES) if path.exists()]
    options = [f"--include={','.join(INCLUDED)}", "--variant=minbase", *_apt_options()]
    command = ["mmdebstrap", "--quiet", *options, release["VERSION_CODENAME"], str(tree), *map(str, sources)]
    subprocess.run(command, check=True)
    _like_this_machine(tree)


SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")


def _apt_options() -> Iterator[str]:
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    for line in re.findall(r'^(Acquire::(?:https?|Check)[\w:-]* ".+";)$', dump, re.MULTILINE):
        yield f"--aptopt={line}"


def _like_this_machine(tree: Path) -> None:
    (tree / "etc/resolv.conf").unlink(missing_ok=True)
    (tree / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")  # slirp4netns answers there
    for certificate in CA_FOLDER.glob("*.crt"):
        shutil.copy(certificate, tree / f"usr/local/share/ca-certificates/{certificate.name}")
    known = subprocess.run(["python3", "-m", "pip", "config", "list"], check=False, capture_output=True, text=True)
    lines = dict(re.findall(r"^global\.(index-url|proxy|trusted-host|timeout)='(.*)'$", known.stdout, re.MULTILINE))
    settings = [f"{name} = {value}" for name, value in lines.items()]
    bundle = "cert = /etc/ssl/certs/ca-certificates.crt"
    (tree / "etc/pip.conf").write_text("\n".join(["[global]", bundle, *settings, ""]))
    (tree / "etc/hostname").write_text("fresh\n")
    # A prompt that tells how the last command ended.
    with (tree / "etc/bash.bashrc").open("a") as file:
        file.write("PS1='<$?>@@ '\nPS2=''\nexport GIT_PAGER=cat\n")


class Machine:
    """It runs; `terminal` sits down at it."""

    def __init__(self, leader: int) -> None:
        self.leader = leader

    def enter(self, *command: str) -> list[str]:
        return ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--net", "--pid", *command]

    def root(self, script: str, *, check: bool = True, timeout: float = 900) -> str:
        """What the documents leave to others is done by root: the name server, a mail provider, a certificate."""
        done = subprocess.run(
            self.enter("bash", "-euo", "pipefail", "-c", script),
            env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check and done.returncode:
            raise RuntimeError(f"{script}\n{done.stdout}")
        return done.stdout

    def terminal(self, user: str) -> Terminal:
        return Terminal(self.enter("su", "--login", user))


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextmanager
def booted(tree: Path, log: Path) -> Iterator[Machine]:
    """systemd as process 1 of the tree, until the end of the block."""
    name = f"samovar-fresh-{os.getpid()}"
    options = ["--quiet", "--register=no", "--keep-unit", "--private-network", "--resolv-conf=off", "--console=pipe"]
    with log.open("wb") as output:
        nspawn = subprocess.Popen(
            ["systemd-nspawn", *options, f"--machine={name}", f"--directory={tree}", "--boot"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    network = None
    try:
        leader = _leader(nspawn)
        network = subprocess.Popen(
            ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", str(leader), "tap0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        machine = Machine(leader)
        _wait_until_up(machine)
        yield machine
    finally:
        if network is not None:
            network.terminate()
            network.wait()
        nspawn.send_signal(signal.SIGTERM)  # halts it in order
        try:
            nspawn.wait(60)
        except subprocess.TimeoutExpired:
            nspawn.kill()
            nspawn.wait()


def _leader(nspawn: subprocess.Popen[bytes]) -> int:
    """Process 1 of the machine, by its number here."""
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    for _ in range(300):
        if nspawn.poll() is not None:
            raise RuntimeError("systemd-nspawn has left; its log says why")
        for child in children.read_text().split():
            with suppress(OSError):
                if Path(f"/proc/{child}/cmdline").read_text().split("\0")[0].endswith("/systemd"):
                    return int(child)
        time.sleep(0.1)
    raise RuntimeError("the machine does not come up")


def _wait_until_up(machine: Machine) -> None:
    for _ in range(120):
        state = machine.root("systemctl is-system-running || true", check=False).strip()
        if state in {"running", "degraded"}:
            return
        time.sleep(0.5)
    raise RuntimeError(f"the machine does not come up: {state}")


class Terminal:
    """A person at a keyboard: types a line, reads until the prompt, answers what is asked."""

    def __init__(self, command: list[str]) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {"PATH": PATH, "TERM": "dumb", "LANG": "C.UTF-8"})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 2000, 0, 0))
        self._read({}, 30)

    def type(self, text: str, answers: Mapping[str, str] | None = None, *, timeout: float = 900) -> tuple[int, str]:
        """How the command ended, and what it said."""
        os.write(self.fd, f"{text}\n".encode())
        return self._read(answers or {}, timeout)

    def start(self, text: str) -> None:
        """Of a command that stays; `interrupt` ends it."""
        os.write(self.fd, f"{text}\n".encode())

    def interrupt(self) -> tuple[int, str]:
        os.write(self.fd, b"\x03")
        return self._read({}, 60)

    def close(self) -> None:
        """Hangs up; whoever does not notice is told."""
        with suppress(OSError):
            os.close(self.fd)
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _read(self, answers: Mapping[str, str], timeout: float) -> tuple[int, str]:
        text, answered, give_up = "", 0, time.monotonic() + timeout
        while True:
            ready, _, _ = select.select([self.fd], [], [], max(0.0, give_up - time.monotonic()))
            if not ready:
                raise TimeoutError(f"no end within {timeout:g} s:\n{text[-3000:]}")
            text += os.read(self.fd, 65536).decode(errors="replace").replace("\r", "")
            if found := PROMPT.search(text):
                return int(found[1]), text[: found.start()].partition("\n")[2]
            for question, answer in answers.items():
                if asked := re.search(question + r"\s*$", text[answered:]):
                    answered += asked.end()
                    os.write(self.fd, f"{answer}\n".encode())
