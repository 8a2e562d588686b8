"""What the server meant, as rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailing import replies
from mailing.choices import DeliveryReason as R
from mailing.replies import (
    Outcome,
    Phase,
    Reply,
    Trouble,
    Verdict,
    classify,
    enhanced_code,
)

P, V = Phase, Verdict
BEFORE = [P.CONNECT, P.EHLO, P.STARTTLS, P.AUTH, P.MAIL]

# phase, the server's words, verdict, reason
REPLIES = [
    # this recipient
    (P.DOT, "250 2.0.0 Ok: queued as 4F2", V.SENT, None),
    (P.DOT, "251 whatever", V.SENT, None),
    (P.RCPT, "550 5.1.1 no such user", V.FAILED, R.NO_SUCH_MAILBOX),
    (P.RCPT, "550 5.1.10 null MX", V.FAILED, R.NO_SUCH_MAILBOX),
    (P.DOT, "550 5.2.1 disabled", V.FAILED, R.NO_SUCH_MAILBOX),
    (P.RCPT, "550 unknown user", V.FAILED, R.REFUSED),
    (P.RCPT, "552 5.2.2 over quota", V.FAILED, R.REFUSED),
    (P.RCPT, "552 5.3.4 too big for this mailbox", V.FAILED, R.REFUSED),
    (P.DATA, "554 no valid recipients", V.FAILED, R.REFUSED),
    (P.DOT, "554 5.7.1 looks like spam", V.FAILED, R.REFUSED),
    (P.DOT, "554 transaction failed", V.FAILED, R.REFUSED),
    (P.DOT, "552 5.2.2 over quota", V.FAILED, R.REFUSED),
    (P.DOT, "552 5.7.0 blocked because of its content", V.FAILED, R.REFUSED),
    (P.DOT, "553 5.6.7 a Unicode address", V.FAILED, R.REFUSED),
    (P.RCPT, "450 4.2.0 greylisted", V.DEFERRED, None),
    (P.RCPT, "450 5.1.1 the code decides", V.DEFERRED, None),
    (P.DATA, "451 later", V.DEFERRED, None),
    (P.DOT, "452 4.3.1 no space", V.DEFERRED, None),
    # a code that cannot stand there is no answer
    (P.RCPT, "354 go ahead", V.DEFERRED, None),
    (P.DATA, "250 ok", V.DEFERRED, None),
    (P.DOT, "354 go ahead", V.UNCONFIRMED, R.UNINTELLIGIBLE),
    (P.MAIL, "354 go ahead", V.SERVICE, None),
    # the service
    *((phase, "421 4.3.2 closing", V.SERVICE, None) for phase in P),
    *((phase, "451 later", V.SERVICE, None) for phase in BEFORE),
    *((phase, "554 5.7.1 go away", V.CONFIGURATION, R.CONFIGURATION) for phase in BEFORE),
    (P.AUTH, "535 5.7.8 bad credentials", V.CONFIGURATION, R.CONFIGURATION),
    (P.AUTH, "432 4.7.12 change your password", V.CONFIGURATION, R.CONFIGURATION),
    (P.AUTH, "454 4.7.0 temporary failure", V.SERVICE, None),
    (P.STARTTLS, "454 TLS not available", V.SERVICE, None),
    (P.MAIL, "550 5.1.8 sender refused", V.CONFIGURATION, R.CONFIGURATION),
    (P.MAIL, "530 authentication required", V.CONFIGURATION, R.CONFIGURATION),
    (P.MAIL, "452 4.3.1 no space", V.SERVICE, None),
    # the message
    (P.MAIL, "552 too big", V.MESSAGE, R.MESSAGE),
    (P.MAIL, "552 5.3.4 too big", V.MESSAGE, R.MESSAGE),
    (P.DATA, "552 5.3.4 too big", V.MESSAGE, R.MESSAGE),
    (P.DOT, "552 too big", V.MESSAGE, R.MESSAGE),
    (P.DOT, "554 5.3.4 too big", V.MESSAGE, R.MESSAGE),
    (P.DOT, "554 5.6.0 bad header", V.MESSAGE, R.MESSAGE),
    (P.MAIL, "552 5.2.2 the sender's quota", V.CONFIGURATION, R.CONFIGURATION),
]


def reply(words: str) -> Reply:
    return Reply.of(int(words[:3]), words[4:])


@pytest.mark.parametrize(("phase", "words", "verdict", "reason"), REPLIES)
def test_a_reply_is_read_by_the_table(phase: Phase, words: str, verdict: Verdict, reason: R | None) -> None:
    """Rules 5 and 6 of a run."""
    outcome = classify(phase, reply(words))
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert (outcome.code, outcome.response) == (int(words[:3]), words)


@pytest.mark.parametrize("trouble", [None, Trouble.LOST, Trouble.TIMEOUT, Trouble.GARBAGE])
@pytest.mark.parametrize("phase", P)
def test_silence_and_garbage_mean_what_the_phase_makes_of_them(phase: Phase, trouble: Trouble | None) -> None:
    """Rules 5 and 6 of a run."""
    outcome = classify(phase, trouble, said=b"\xff\x00what?")
    expected = {P.RCPT: V.DEFERRED, P.DATA: V.DEFERRED, P.DOT: V.UNCONFIRMED}.get(phase, V.SERVICE)
    assert outcome.verdict is expected
    assert outcome.trouble is (trouble or Trouble.LOST)
    assert outcome.response == "\ufffdwhat?"
    assert outcome.code is None


def test_after_the_dot_silence_and_garbage_are_told_apart() -> None:
    assert classify(P.DOT, None).reason == R.LINE_LOST
    assert classify(P.DOT, Trouble.TIMEOUT).reason == R.LINE_LOST
    assert classify(P.DOT, Trouble.GARBAGE).reason == R.UNINTELLIGIBLE


@pytest.mark.parametrize("trouble", [Trouble.CERTIFICATE, Trouble.NO_TLS, Trouble.NO_AUTH])
def test_what_no_waiting_mends_is_configuration(trouble: Trouble) -> None:
    assert classify(P.STARTTLS, trouble).verdict is V.CONFIGURATION


def test_what_was_not_even_tried() -> None:
    assert classify(P.MAIL, Trouble.TOO_BIG)[:2] == (V.MESSAGE, R.MESSAGE)
    assert classify(P.RCPT, Trouble.BAD_ADDRESS)[:2] == (V.FAILED, R.BAD_ADDRESS)


ENHANCED = ["", *(f"5.{subject}.{detail}" for subject in range(8) for detail in range(13))]


@pytest.mark.parametrize("phase", P)
def test_only_four_codes_put_an_address_on_the_stop_list(phase: Phase) -> None:
    """Rule 5 of a run."""
    suppressing = {code for code in ENHANCED if classify(phase, Reply(550, code, f"{code} no")).suppress}
    expected = {"5.1.1", "5.1.6", "5.1.10", "5.2.1"} if phase in (P.RCPT, P.DOT) else set()
    assert suppressing == expected
    assert not any(classify(phase, Reply(450, code, "")).suppress for code in ENHANCED)


@pytest.mark.parametrize("phase", P)
def test_only_at_rcpt_a_refusal_may_mean_the_sender(phase: Phase) -> None:
    """Rule 5 of a run."""
    ours = {code for code in ENHANCED if classify(phase, Reply(550, code, f"{code} no")).sender_side}
    expected = {"", "5.1.7", "5.1.8", *(f"5.7.{detail}" for detail in range(13))} if phase is P.RCPT else set()
    assert ours == expected


@given(
    phase=st.sampled_from(P),
    code=st.integers(0, 999),
    enhanced=st.sampled_from([*ENHANCED, "4.7.1", "x" * 500]),
    text=st.text(max_size=50),
)
def test_every_reply_has_an_outcome(phase: Phase, code: int, enhanced: str, text: str) -> None:
    outcome = classify(phase, Reply(code, enhanced, text))
    assert isinstance(outcome, Outcome)
    touches_nobody = outcome.verdict in (V.SERVICE, V.CONFIGURATION, V.MESSAGE)
    if phase in BEFORE:
        assert touches_nobody
    if outcome.verdict is V.SENT:
        assert phase is P.DOT
        assert 200 <= code < 300
    if outcome.suppress:
        assert outcome.verdict is V.FAILED


@pytest.mark.parametrize(
    ("code", "text", "found"),
    [
        (550, "5.1.1 no", "5.1.1"),
        (550, "5.1.10", "5.1.10"),
        (550, "4.1.1 contradicts", ""),
        (550, "5.1.1no", ""),
        (550, "5.1", ""),
        (550, "no 5.1.1", ""),
        (550, "٥.1.1 no", ""),
        (250, "2.0.0 Ok", "2.0.0"),
    ],
)
def test_an_enhanced_code_stands_first_and_agrees_with_the_code(code: int, text: str, found: str) -> None:
    assert enhanced_code(code, text) == found


@pytest.mark.parametrize("text", ["2.0.0 Ok: queued as 4AB", "Ok", "", "5.1.1 odd", "x\x00y\tz", "secret word"])
def test_the_short_way_of_an_accepted_letter_says_what_the_table_says(text: str) -> None:
    secrets = ("secret",)
    assert replies.accepted(text, secrets) == replies.classify(Phase.DOT, Reply.of(250, text), secrets=secrets)


OUR_SPEED = [
    (P.CONNECT, "421 4.7.0 mx.example.com Error: too many connections from 192.0.2.1"),
    (P.CONNECT, "421 Too many concurrent SMTP connections from this IP address; please try again later."),
    (P.CONNECT, "421 4.3.2 Connection rate limit exceeded."),
    (P.CONNECT, "421 4.3.2 All server ports are busy"),
    (P.CONNECT, "421 4.4.5 Service unavailable, concurrency limit reached"),
    (P.CONNECT, "421 Connection refused, too many sessions from 192.0.2.1"),
    (
        P.EHLO,
        "421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel",
    ),
    (P.AUTH, "454 4.7.0 Too many login attempts, please try again later."),
    (P.MAIL, "450 4.7.1 Error: too much mail from 192.0.2.1"),
    (P.MAIL, "421 4.7.0 Try again later, closing connection."),
    (P.RCPT, "450 4.7.1 Error: too many recipients from 192.0.2.1"),
    (P.RCPT, "451 4.7.500 Server busy. Please try again later from [192.0.2.1]."),
    (P.RCPT, "452 4.5.3 Too many recipients"),
    (P.DATA, "454 Throttling failure: Maximum sending rate exceeded."),
    (P.DOT, "421-4.7.28 Our system has detected an unusual rate of unsolicited mail"),
    (P.DOT, "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume"),
    (P.DOT, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded"),
    (P.DOT, "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation"),
    (P.DOT, '451 4.7.1 Ratelimit "user" exceeded'),
]
NOT_OUR_SPEED = [
    (P.RCPT, "450 4.2.1 The user you are trying to contact is receiving mail too quickly"),
    (P.RCPT, "451 4.7.1 The recipient has exceeded their message rate limit. Try again later"),
    (P.RCPT, "450 4.2.0 <bob@example.com>: Recipient address rejected: Greylisted, please try again later"),
    (P.RCPT, "451 4.7.1 Greylisting in action, please come back later"),
    (P.RCPT, "451 4.7.1 Try again later"),
    (P.DOT, "452 4.3.1 Insufficient system storage"),
    (P.MAIL, "452 4.4.5 Insufficient disk space; try again later"),
    (P.MAIL, "421 4.7.0 mx.example.com Error: too many errors"),
    (P.CONNECT, "421 4.3.2 Service shutting down"),
    (P.RCPT, "550 5.7.1 rate limit exceeded"),
    (P.DOT, "250 2.0.0 queued, but slow down"),
]


@pytest.mark.parametrize(("phase", "words"), OUR_SPEED)
def test_an_answer_about_our_speed_is_known_by_its_words(phase: Phase, words: str) -> None:
    outcome = classify(phase, Reply.of(int(words[:3]), words[4:]))
    assert outcome.throttled
    assert outcome.verdict in {V.SERVICE, V.DEFERRED}


@pytest.mark.parametrize(("phase", "words"), NOT_OUR_SPEED)
def test_an_answer_about_one_recipient_or_a_full_disk_is_none(phase: Phase, words: str) -> None:
    assert not classify(phase, reply(words)).throttled
