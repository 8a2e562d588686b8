"""Everything said before the first letter: greeting, EHLO, STARTTLS, AUTH. Replies in, commands out; no socket.

A dialogue is a generator: it yields the next `Step`, is sent the answer, returns what the server can do and raises
`NotOpened` when the answer is no. Security is a policy: nothing here falls back to less of it.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Generator
from dataclasses import dataclass

from mailing import replies
from mailing.delivery.smtp.capabilities import Capabilities, read_capabilities
from mailing.delivery.smtp.options import Options
from mailing.delivery.smtp.outcomes import judge
from mailing.delivery.smtp.reply_parser import Answer
from mailing.delivery.transport import NotOpened
from mailing.replies import Phase, Trouble


@dataclass(frozen=True, slots=True)
class Step:
    """Say `command` (nothing: just listen) and wait for the answer; or, with `secure`, change to TLS."""

    phase: Phase
    command: bytes = b""
    secure: bool = False


NO_EHLO = frozenset({500, 502, 504})  # no such command, not implemented, not with this parameter

Dialogue = Generator[Step, Answer, Capabilities]
Exchange = Generator[Step, Answer, None]


def handshake(options: Options, hello: str) -> Dialogue:
    """From the greeting to the first MAIL."""
    _demand(options, Phase.CONNECT, (yield Step(Phase.CONNECT)), 220)
    capabilities = yield from _say_hello(options, hello)
    if options.security == "starttls":
        if not capabilities.starttls:
            raise NotOpened(replies.classify(Phase.STARTTLS, Trouble.NO_TLS))
        _demand(options, Phase.STARTTLS, (yield Step(Phase.STARTTLS, b"STARTTLS\r\n")), 220)
        yield Step(Phase.STARTTLS, secure=True)
        capabilities = yield from _say_hello(options, hello)  # what was said in the clear is forgotten (RFC 3207 4.2)
    if options.user:
        yield from _log_in(options, capabilities)
    return capabilities


def _say_hello(options: Options, hello: str) -> Dialogue:
    """EHLO; where the server does not know it, HELO (RFC 5321 3.2), unless the settings ask for an extension."""
    answer = yield Step(Phase.EHLO, b"EHLO %b\r\n" % hello.encode())
    plain = options.security != "starttls" and not options.user
    if plain and answer.code in NO_EHLO:
        _demand(options, Phase.EHLO, (yield Step(Phase.EHLO, b"HELO %b\r\n" % hello.encode())), 250)
        return Capabilities()
    _demand(options, Phase.EHLO, answer, 250)
    return read_capabilities(answer.text)


def _demand(options: Options, phase: Phase, answer: Answer, code: int) -> None:
    if answer.code != code:
        raise NotOpened(judge(options.secrets, phase, answer))


# --- AUTH (RFC 4954) --------------------------------------------------------------------------------


def _log_in(options: Options, capabilities: Capabilities) -> Exchange:
    """By the first mechanism both sides know. Without TLS (the operator's explicit choice) a challenge is better."""
    methods = {"PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}
    order = ("CRAM-MD5", "PLAIN", "LOGIN") if options.security == "none" else ("PLAIN", "LOGIN", "CRAM-MD5")
    name = next((name for name in order if name in capabilities.mechanisms), None)
    if name is None:
        raise NotOpened(replies.classify(Phase.AUTH, Trouble.NO_AUTH))
    yield from methods[name](options)


def _plain(options: Options) -> Exchange:
    yield from _say_last(options, b"AUTH PLAIN " + _b64(f"\0{options.user}\0{options.password}"))


def _login(options: Options) -> Exchange:
    yield from _ask(options, b"AUTH LOGIN")
    yield from _ask(options, _b64(options.user))
    yield from _say_last(options, _b64(options.password))


def _cram_md5(options: Options) -> Exchange:
    challenge = yield from _ask(options, b"AUTH CRAM-MD5")
    try:
        nonce = base64.b64decode(challenge, validate=True)
    except ValueError:
        raise NotOpened(replies.classify(Phase.AUTH, Trouble.GARBAGE, said=challenge)) from None
    proof = hmac.new(options.password.encode(), nonce, "md5").hexdigest()
    yield from _say_last(options, _b64(f"{options.user} {proof}"))


def _ask(options: Options, command: bytes) -> Generator[Step, Answer, bytes]:
    answer = yield Step(Phase.AUTH, command + b"\r\n")
    _demand(options, Phase.AUTH, answer, 334)
    return answer.text


def _say_last(options: Options, command: bytes) -> Exchange:
    answer = yield Step(Phase.AUTH, command + b"\r\n")
    _demand(options, Phase.AUTH, answer, 235)


def _b64(text: str) -> bytes:
    return base64.b64encode(text.encode())
