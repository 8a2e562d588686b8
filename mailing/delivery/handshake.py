"""Everything said before the first letter: greeting, EHLO, STARTTLS, AUTH. Replies in, commands out; no socket.

A dialogue is a generator: it yields the next `Step`, is sent the answer, returns what the server can do and raises
`NotOpened` when the answer is no. Security is a policy: nothing here falls back to less of it.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Generator
from dataclasses import dataclass

from mailing import replies
from mailing.delivery.options import Options
from mailing.delivery.replyparser import Answer
from mailing.delivery.transport import NotOpened
from mailing.replies import Phase, Reply, Trouble


@dataclass(frozen=True, slots=True)
class Step:
    """Say `command` (nothing: just listen) and wait for the answer; or, with `secure`, change to TLS."""

    phase: Phase
    command: bytes = b""
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the server announced after the last EHLO (RFC 5321 4.1.1.1)."""

    pipelining: bool = False
    eight_bit: bool = False
    starttls: bool = False
    announces_size: bool = False
    size: int = 0  # bytes; 0: no fixed limit
    mechanisms: frozenset[str] = frozenset()


NO_EHLO = frozenset({500, 502, 504})  # no such command, not implemented, not with this parameter

Dialogue = Generator[Step, Answer, Abilities]
Exchange = Generator[Step, Answer, None]


def handshake(options: Options, hello: str) -> Dialogue:
    """From the greeting to the first MAIL."""
    _demand(options, Phase.CONNECT, (yield Step(Phase.CONNECT)), 220)
    abilities = yield from _say_hello(options, hello)
    if options.security == "starttls":
        if not abilities.starttls:
            raise NotOpened(replies.classify(Phase.STARTTLS, Trouble.NO_TLS))
        _demand(options, Phase.STARTTLS, (yield Step(Phase.STARTTLS, b"STARTTLS\r\n")), 220)
        yield Step(Phase.STARTTLS, secure=True)
        abilities = yield from _say_hello(options, hello)  # what was said in the clear is forgotten (RFC 3207 4.2)
    if options.user:
        yield from _log_in(options, abilities)
    return abilities


def _say_hello(options: Options, hello: str) -> Dialogue:
    """EHLO; where the server does not know it, HELO (RFC 5321 3.2), unless the settings ask for an extension."""
    answer = yield Step(Phase.EHLO, b"EHLO %b\r\n" % hello.encode())
    plain = options.security != "starttls" and not options.user
    if plain and answer.code in NO_EHLO:
        _demand(options, Phase.EHLO, (yield Step(Phase.EHLO, b"HELO %b\r\n" % hello.encode())), 250)
        return Abilities()
    _demand(options, Phase.EHLO, answer, 250)
    return read_abilities(answer.text)


def read_abilities(text: bytes) -> Abilities:
    """The announced extensions; what makes no sense counts as not announced."""
    words = [line.decode("ascii", "replace").upper().split() for line in text.split(b"\n")[1:]]
    offers = {word[0]: word[1:] for word in words if word}
    mechanisms = set(offers.get("AUTH", ()))
    mechanisms.update(w[0][5:] for w in words if w and w[0].startswith("AUTH="))  # old Exchange
    size = (offers.get("SIZE") or ["0"])[0]
    return Abilities(
        pipelining="PIPELINING" in offers,
        eight_bit="8BITMIME" in offers,
        starttls="STARTTLS" in offers,
        announces_size="SIZE" in offers,
        size=int(size) if re.fullmatch("[0-9]{1,20}", size) else 0,
        mechanisms=frozenset(mechanisms),
    )


def _demand(options: Options, phase: Phase, answer: Answer, code: int) -> None:
    if answer.code != code:
        raise NotOpened(judge(options.secrets, phase, answer))


def judge(secrets: tuple[str, ...], phase: Phase, answer: Answer) -> replies.Outcome:
    """The outcome of a reply, with our credentials blanked."""
    text = answer.text.decode("utf-8", "replace")
    if phase is Phase.DOT and answer.code == 250:
        return replies.accepted(text, secrets)
    return replies.classify(phase, Reply.of(answer.code, text), secrets=secrets)


# --- AUTH (RFC 4954) --------------------------------------------------------------------------------


def _log_in(options: Options, abilities: Abilities) -> Exchange:
    """By the first mechanism both sides know. Without TLS (the operator's explicit choice) a challenge is better."""
    methods = {"PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}
    order = ("CRAM-MD5", "PLAIN", "LOGIN") if options.security == "none" else ("PLAIN", "LOGIN", "CRAM-MD5")
    name = next((name for name in order if name in abilities.mechanisms), None)
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
