"""*What the server meant*: phase + reply (or trouble) → outcome, as a table (rules 5 and 6 of a run).

Everything the server says is hostile input (rule 11 of a run): an outcome carries it as `redaction.clean` lets it
through.
Sources: RFC 5321 (SMTP), 3463 (enhanced codes), 1870 (SIZE), 3207 (STARTTLS), 4954 (AUTH), 7504 (521, 556).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from mailing.choices import DeliveryReason
from mailing.redaction import clean


class Phase(Enum):
    """What the answer belongs to; named after the command it answers."""

    CONNECT = "connect"  # name look-up, TCP, implicit TLS, greeting
    EHLO = "ehlo"
    STARTTLS = "starttls"  # the command and the handshake
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # until the final dot is on its way
    DOT = "dot"  # from the moment the final dot may have reached the server


class Trouble(Enum):
    """What came in place of a reply."""

    LOST = "lost"  # the line broke, or could not be made
    TIMEOUT = "timeout"
    GARBAGE = "garbage"  # no SMTP reply, one out of bounds, or a code that does not belong there
    CERTIFICATE = "certificate"  # not trusted, expired, another name
    NO_TLS = "no_tls"  # EMAIL_SECURITY asks for STARTTLS, the server does not offer it; never downgraded
    NO_AUTH = "no_auth"  # we have a password, the server offers no way to give it
    TOO_BIG = "too_big"  # larger than the SIZE the server announced (RFC 1870): not even tried
    BAD_ADDRESS = "bad_address"  # plain SMTP cannot carry it: not even tried


class Verdict(Enum):
    """What happens to the delivery, and to the run."""

    SENT = "sent"  # accepted
    FAILED = "failed"  # this recipient was refused for good
    DEFERRED = "deferred"  # not now: tried again later, counts as a try
    UNCONFIRMED = "unconfirmed"  # handed over, the answer is unknown: never resent by itself
    SERVICE = "service"  # nobody's fault here: back to the queue, no try counted, the breaker counts
    CONFIGURATION = "configuration"  # like SERVICE, but somebody must act: the breaker opens at once
    MESSAGE = "message"  # the message itself was refused: its own attempt fails, at once


class Reply(NamedTuple):
    """One reply of the server, as it was said (lines joined by newlines, without the code in front)."""

    code: int
    enhanced: str
    text: str

    @classmethod
    def of(cls, code: int, text: str) -> Reply:
        return cls(code, enhanced_code(code, text), text)


Answer = Reply | Trouble | None  # None: the line was lost


class Outcome(NamedTuple):
    """What an answer means. `response` is the server's own words, bounded and cleaned; empty if it never spoke.

    A named tuple, because one is made per letter: a frozen dataclass cost 2 µs more.
    """

    verdict: Verdict
    reason: DeliveryReason | None = None  # where the verdict is final for the delivery
    suppress: bool = False  # never write to this address again
    sender_side: bool = False  # may mean us instead of the recipient: many in a row are service trouble
    code: int | None = None
    response: str = ""
    phase: Phase | None = None
    trouble: Trouble | None = None
    size: int = 0  # bytes of a letter that was too big; 0 for any other
    limit: int = 0  # bytes the server takes, where it announced them
    throttled: bool = False  # about our speed or the number of our connections: see `SPEED`


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the first whose phases, code and enhanced code all fit decides.

    `codes` are prefixes ("5" is any 5yz); an enhanced code fits exactly, with a star by its beginning,
    and "" fits a reply without one.
    """

    phases: frozenset[Phase]
    answers: tuple[str, ...] | tuple[Trouble, ...]
    verdict: Verdict
    reason: DeliveryReason | None = None
    enhanced: tuple[str, ...] | None = None
    suppress: bool = False
    sender_side: bool = False

    def fits(self, phase: Phase, answer: str | Trouble, enhanced: str) -> bool:
        return (
            phase in self.phases
            and any(_same(pattern, answer) for pattern in self.answers)
            and (self.enhanced is None or any(enhanced_fits(pattern, enhanced) for pattern in self.enhanced))
        )


def _same(pattern: str | Trouble, answer: str | Trouble) -> bool:
    if isinstance(pattern, str) and isinstance(answer, str):
        return answer.startswith(pattern)
    return pattern is answer


def enhanced_fits(pattern: str, enhanced: str) -> bool:
    """Exactly, or with a star at the end by its beginning: 5.1.1 must not catch 5.1.10."""
    return enhanced.startswith(pattern[:-1]) if pattern.endswith("*") else enhanced == pattern


ANYWHERE = frozenset(Phase)
BEFORE = frozenset({Phase.CONNECT, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL})  # no recipient named yet
AUTH = frozenset({Phase.AUTH})
RCPT = frozenset({Phase.RCPT})
UNDELIVERED = frozenset({Phase.RCPT, Phase.DATA})  # named, but the letter cannot have been accepted
DOT = frozenset({Phase.DOT})
ABOUT_RECIPIENT = frozenset({Phase.RCPT, Phase.DOT})
OF_LETTER = frozenset({Phase.RCPT, Phase.DATA, Phase.DOT})
OF_CONTENT = frozenset({Phase.MAIL, Phase.DATA, Phase.DOT})  # where a size or a content can be refused for all

_LINE = (Trouble.LOST, Trouble.TIMEOUT)
_SILENT = (*_LINE, Trouble.GARBAGE)
_R, _V = DeliveryReason, Verdict

RULES: tuple[Rule, ...] = (
    # --- not even tried ---
    Rule(ANYWHERE, (Trouble.BAD_ADDRESS,), _V.FAILED, _R.BAD_ADDRESS),
    Rule(ANYWHERE, (Trouble.TOO_BIG,), _V.MESSAGE, _R.MESSAGE),
    # --- the line ---
    Rule(ANYWHERE, (Trouble.CERTIFICATE, Trouble.NO_TLS, Trouble.NO_AUTH), _V.CONFIGURATION, _R.CONFIGURATION),
    Rule(BEFORE, _SILENT, _V.SERVICE),
    Rule(UNDELIVERED, _SILENT, _V.DEFERRED),
    Rule(DOT, _LINE, _V.UNCONFIRMED, _R.LINE_LOST),
    Rule(DOT, (Trouble.GARBAGE,), _V.UNCONFIRMED, _R.UNINTELLIGIBLE),
    # --- accepted: the final dot hands over the responsibility (RFC 5321, 4.2.5) ---
    Rule(DOT, ("2",), _V.SENT),
    # --- 421 says "I am closing the line", whatever was asked (RFC 5321, 3.8); after the dot it also says that the
    # letter was not taken (Gmail's and Yahoo's rate limits come this way), so no try is counted ---
    Rule(ANYWHERE, ("421",), _V.SERVICE),
    # --- logging in: 4yz means "later" (454: RFC 4954, 6), except 432, "change your password first" ---
    Rule(AUTH, ("432",), _V.CONFIGURATION, _R.CONFIGURATION),
    # --- too big or broken for everybody ---
    # 552 alone means the fixed maximum size (RFC 1870, 6); with 5.2.2 it is one full mailbox, and Gmail says
    # "552 5.7.0 blocked because of its content": neither is about the size. At RCPT a size is one mailbox's
    # limit (RFC 1870, 6.2), so it fails only that recipient.
    Rule(OF_CONTENT, ("552",), _V.MESSAGE, _R.MESSAGE, enhanced=("",)),
    Rule(OF_CONTENT, ("5",), _V.MESSAGE, _R.MESSAGE, enhanced=("5.3.4",)),
    # RFC 3463, 3.7: 5.6.z speaks of the content, which is the same for everybody. 5.6.7 to 5.6.10 do not: they are
    # about Unicode in one address (RFC 6531). 5.7.1 and a bare 554 may be the mood of a spam filter.
    Rule(
        DOT,
        ("5",),
        _V.MESSAGE,
        _R.MESSAGE,
        enhanced=("5.6.0", "5.6.1", "5.6.2", "5.6.3", "5.6.4", "5.6.5", "5.6.6", "5.6.11"),
    ),
    # --- before anybody is named: 4yz passes, 5yz (535, 530, a refused sender, a blocked host) needs somebody ---
    Rule(BEFORE, ("4",), _V.SERVICE),
    Rule(BEFORE, ("5",), _V.CONFIGURATION, _R.CONFIGURATION),
    # --- this recipient does not exist: the only refusals that reach the stop list (RFC 3463, 3.2 and 3.3) ---
    # 5.1.1 no such mailbox · 5.1.6 moved, no forwarding · 5.1.10 domain takes no mail (RFC 7505) · 5.2.1 disabled
    Rule(
        ABOUT_RECIPIENT,
        ("5",),
        _V.FAILED,
        _R.NO_SUCH_MAILBOX,
        enhanced=("5.1.1", "5.1.6", "5.1.10", "5.2.1"),
        suppress=True,
    ),
    # --- a relay that dislikes the sender says so at RCPT, too: 5.1.7 and 5.1.8 name the sender's address,
    # 5.7.z is policy ("relay access denied", "listed by …"), and a bare 550 does not say whom it means ---
    Rule(RCPT, ("5",), _V.FAILED, _R.REFUSED, enhanced=("5.1.7", "5.1.8", "5.7.*", ""), sender_side=True),
    # --- everything else about this letter ---
    Rule(OF_LETTER, ("4",), _V.DEFERRED),
    Rule(OF_LETTER, ("5",), _V.FAILED, _R.REFUSED),
)
# What no row knows (a code that cannot stand there, such as 250 to DATA) is no answer at all.
UNKNOWN = Trouble.GARBAGE


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """The first whose code, enhanced code and words fit says whether an answer means our speed; none: it does not."""

    codes: tuple[str, ...]
    enhanced: tuple[str, ...]
    words: re.Pattern[str]
    throttled: bool

    def fits(self, reply: Reply) -> bool:
        return (
            str(reply.code).startswith(self.codes)
            and any(enhanced_fits(pattern, reply.enhanced) for pattern in self.enhanced)
            and self.words.search(reply.text) is not None
        )


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# Seen in sources and in bounces. "Try again later" alone decides nothing: greylisting says so, too.
SPEED: tuple[SpeedRow, ...] = (
    # One mailbox's own limit. Gmail: "450 4.2.1 The user you are trying to contact is receiving mail at a rate that";
    # Yandex: "450 4.2.1 The recipient has exceeded their message rate limit".
    SpeedRow(("4",), ("4.2.*",), _words(""), False),
    SpeedRow(("4",), ("*",), _words(r"\bthe (?:user|recipient|mailbox)\b"), False),
    # Greylisting speaks of one sender and one recipient. Postfix's "421 4.7.0 Error: too many errors" counts refused
    # recipients.
    SpeedRow(("4",), ("*",), _words(r"gr[ae]y[- ]?list", r"too many (?:\w+ )?errors", "too many hops"), False),
    # Postfix: "421 4.7.0 Error: too many connections from"; Gmail: "421 4.7.0 Try again later, closing connection",
    # "421 4.7.28 Our system has detected an unusual rate"; Yahoo: "421 4.7.0 [TSS04] unexpected volume".
    SpeedRow(("421",), ("4.7.*",), _words(""), True),
    # RFC 3463, 3.5: X.4.5 is congestion. Gmail: "421 4.4.5 Server busy"; Contactlab: "421 4.4.5 concurrency limit
    # reached". Not Sendmail's "452 4.4.5 Insufficient disk space".
    SpeedRow(("421",), ("4.4.5",), _words(""), True),
    SpeedRow(
        ("4",),
        ("*",),
        _words(
            # Exim: "421 Too many concurrent SMTP connections", "421 Too much load"; Postfix: "450 4.7.1 Error: too
            # much mail from", "too many recipients from", "too many AUTH commands from"; Sendmail: "421 4.3.2 Too
            # many open connections"; GoDaddy: "421 too many sessions"; Gmail: "454 4.7.0 Too many login attempts"
            r"too (?:many|much) (?:[\w-]+ ){0,3}(?:connections|sessions|e?-?mails?|messages|recipients|requests"
            r"|transactions|logins?|auth|load)\b",
            # Exchange: "421 4.3.2 The maximum number of concurrent connections has exceeded a limit"
            r"concurrent (?:[\w-]+ ){0,2}(?:connections|sessions)",
            # Sendmail: "421 4.3.2 Connection rate limit exceeded"; Outlook.com: "451 4.7.650 temporarily rate
            # limited", "421 RP-002 exceeded the connection limit allowed"; Exchange: "432 4.3.2 sender thread limit"
            r"rate[- ]?limit",
            r"(?:connection|session|thread|concurrency|message|sending) limit",
            # Exchange: "421 4.4.2 Message submission rate for this client has exceeded"; cbpolicyd: "Message delivery
            # rate quota exceeded"; Amazon SES: "454 Throttling failure: Maximum sending rate exceeded"
            r"(?:submission|sending|delivery|message) rate",
            "throttl",
            r"un(?:usual|expected) (?:rate|volume)",
            r"(?:emails|messages) per (?:second|minute|hour|day)",
            # Exchange Online: "451 4.7.500 Server busy"; postscreen: "421 4.3.2 All server ports are busy"
            r"server (?:is )?(?:too )?busy",
            "ports are busy",
            r"too (?:fast|quickly)\b",
            "slow down",
        ),
        True,
    ),
)


def is_throttled(reply: Reply) -> bool:
    """Whether the answer means how fast we are, or how many, and nobody's letter."""
    row = next((row for row in SPEED if row.fits(reply)), None) if reply.code // 100 == 4 else None
    return row is not None and row.throttled


def classify(phase: Phase, answer: Answer, *, said: str | bytes = "", secrets: tuple[str, ...] = ()) -> Outcome:
    """What the answer means in this phase. `said`: the unintelligible words, where the answer is a trouble.

    A positive reply before the dot is no outcome; asked about one, the table calls it garbage.
    """
    if not isinstance(answer, Reply):
        answer, code = answer or Trouble.LOST, None
        rule, trouble, throttled = *_decide(phase, answer, ""), False
    else:
        code, said = answer.code, f"{answer.code} {answer.text}"
        rule, trouble = _decide(phase, f"{code:03}", answer.enhanced[:12])
        throttled = rule.verdict in _LATER and is_throttled(answer)
    response = clean(said, secrets)
    outcome = Outcome(rule.verdict, rule.reason, rule.suppress, rule.sender_side, code, response, phase, trouble)
    return outcome._replace(throttled=True) if throttled else outcome


def accepted(text: str, secrets: tuple[str, ...] = ()) -> Outcome:
    """What `classify` says of 250 after the final dot, by the shortest way: one is made per letter."""
    return Outcome(_SENT, None, False, False, 250, clean(f"250 {text}", secrets), _DOT)


def is_about_size(outcome: Outcome) -> bool:
    """Whether the message was refused for its size, by the server or by what it had announced."""
    if outcome.verdict is not Verdict.MESSAGE:
        return False
    words = outcome.response.partition(" ")[2]
    return outcome.trouble is Trouble.TOO_BIG or outcome.code == 552 or words.startswith("5.3.4")


_LATER = frozenset({Verdict.SERVICE, Verdict.DEFERRED})
_SENT, _DOT = Verdict.SENT, Phase.DOT  # looked up once: see `session`


@lru_cache(maxsize=512)
def _decide(phase: Phase, answer: str | Trouble, enhanced: str) -> tuple[Rule, Trouble | None]:
    for rule in RULES:
        if rule.fits(phase, answer, enhanced):
            return rule, answer if isinstance(answer, Trouble) else None
    return _decide(phase, UNKNOWN, "")


_ENHANCED = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?=\s|\Z)", re.ASCII)


def enhanced_code(code: int, text: str) -> str:
    """The enhanced code a reply begins with (RFC 2034); empty where its class contradicts the code."""
    found = _ENHANCED.match(text)
    return found[0] if found and int(found[1]) == code // 100 else ""
