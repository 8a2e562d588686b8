"""Postfix and Exim as Debian packs them, each an instance of its own on loopback that keeps what it accepts.

They know the mailboxes c0, c1, … of example.com and nobody else. Postfix is installed and wants root for its master
process. Exim cannot be installed beside it: `.ci/run` unpacks it below var/exim, and a copy of its program, in which
the name of its user is replaced by the number of ours, runs from there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXIM = ROOT / "var" / "exim"
NOBODY = 65534
TIME = 60.0  # seconds for a start, and for the delivery of everything


class Missing(Exception):
    """This machine cannot run it."""


@dataclass
class RealServer:
    name: str
    port: int
    mailbox: Path
    flush: list[str]  # the command that delivers what is in the queue

    def letters(self, expected: int) -> dict[str, list[bytes]]:
        """What each recipient of the envelope got. Waits until so many have come, and a moment for one too many."""
        deadline = time.monotonic() + TIME
        while len(self._files()) < expected and time.monotonic() < deadline:
            if self.flush:
                subprocess.run(self.flush, check=True, timeout=TIME, capture_output=True)
            time.sleep(0.2)
        time.sleep(0.5)
        got: dict[str, list[bytes]] = {}
        for path in self._files():
            data = path.read_bytes()
            headers = message_from_bytes(data.partition(b"\n\n")[0])
            got.setdefault(str(headers["Delivered-To"] or headers["Envelope-To"]), []).append(data)
        return got

    def _files(self) -> list[Path]:
        return list(self.mailbox.glob("new/*"))


@contextlib.contextmanager
def postfix() -> Iterator[RealServer]:
    program = shutil.which("postfix", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise Missing("Debian's package postfix is not installed")
    if os.geteuid() != 0:
        raise Missing("Postfix is started by root alone")
    with _folder("postfix") as folder:
        port = _free_port()
        conf = folder / "conf"
        for name in ("conf", "spool", "data", "mail"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        os.chown(folder / "mail", NOBODY, NOBODY)
        (conf / "people").write_text("/^c[0-9]+@example\\.com$/ all/\n")
        (conf / "main.cf").write_text(POSTFIX_MAIN.format(folder=folder, nobody=NOBODY))
        (conf / "master.cf").write_text(POSTFIX_MASTER.format(port=port))
        subprocess.run([program, "-c", str(conf), "start"], check=True, timeout=TIME, capture_output=True)
        try:
            _wait_for(port)
            yield RealServer("postfix", port, folder / "mail" / "all", [])
        finally:
            subprocess.run([program, "-c", str(conf), "stop"], check=False, timeout=TIME, capture_output=True)


@contextlib.contextmanager
def exim() -> Iterator[RealServer]:
    if not (EXIM / "usr/sbin/exim4").exists():
        raise Missing(f"Exim is not unpacked below {EXIM} (.ci/run does it)")
    with _folder("exim") as folder:
        port, user = _free_port(), os.geteuid() or NOBODY
        for name in ("spool", "log", "mail"):
            (folder / name).mkdir()
            os.chown(folder / name, user, -1)
        program = _own_exim(folder, user)
        conf = folder / "exim.conf"
        conf.write_text(EXIM_CONF.format(folder=folder, port=port, user=user))
        daemon = subprocess.Popen([program, "-C", conf, "-bdf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield RealServer("exim", port, folder / "mail", [str(program), "-C", str(conf), "-qff"])
        finally:
            daemon.terminate()
            daemon.wait(TIME)


def _own_exim(folder: Path, user: int) -> Path:
    """Exim looks its compiled-in user up before it reads its configuration; a number needs no look-up."""
    name = b"\0Debian-exim\0"
    program = (EXIM / "usr/sbin/exim4").read_bytes()
    assert program.count(name) == 1
    (folder / "exim4").write_bytes(program.replace(name, b"\0%011d\0" % user))
    libraries = ":".join(sorted({str(path.parent) for path in EXIM.glob("usr/lib/**/*.so*")}))
    wrapper = folder / "exim"
    wrapper.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {folder}/exim4 "$@"\n')
    for path in (folder / "exim4", wrapper):
        path.chmod(0o755)
    return wrapper


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    """Under /tmp itself: the daemons are other users, and pytest's own folders are ours alone."""
    with tempfile.TemporaryDirectory(prefix=f"samovar-{name}-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + TIME
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the mail server did not start")


POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
mail_owner = postfix
myhostname = mx.test
mydestination =
local_transport = error:no
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = regexp:{folder}/conf/people
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_error_sleep_time = 0
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
"""
POSTFIX_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
EXIM_CONF = r"""
exim_path = {folder}/exim
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/spool/pid
exim_user = {user}
exim_group = {user}
never_users =
primary_hostname = mx.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
acl_smtp_rcpt = recipients
tls_advertise_hosts =
keep_environment =
queue_only = true
begin acl
recipients:
  accept local_parts = ^c[0-9]+\$
  deny message = 5.1.1 no such user
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  envelope_to_add
  user = {user}
  group = {user}
"""
