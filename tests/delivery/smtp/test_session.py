"""The session without a socket: what it says to which answers, and what it makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.transport import End
from mailing.replies import Trouble, Verdict
from tests.delivery.carrying import Queue, letter, letters
from tests.delivery.smtp.talking import GROUP_OK, PIPED, PLAIN, Talk, group


def test_a_letter_begins_with_three_commands_in_one_write() -> None:
    talk = Talk(Queue(letters(1)))

    assert talk.written == [group(0)]


def test_the_end_of_a_letter_and_the_beginning_of_the_next_leave_in_one_write() -> None:
    talk = Talk(Queue([first := letter(0), letter(1)]))
    assert talk.said == group(0)

    talk.hear(GROUP_OK)

    assert talk.written == [first.data + b".\r\n" + group(1)]


def test_without_pipelining_one_command_waits_for_the_answer_to_the_one_before() -> None:
    talk = Talk(Queue([only := letter(0)]), PLAIN)
    said = [talk.said]
    for answer in (b"250 sender\r\n", b"250 recipient\r\n", b"354 go\r\n", b"250 accepted\r\n"):
        talk.hear(answer)
        said.append(talk.said)

    assert said[0] == b"MAIL FROM:<a@example.org>\r\n"
    assert said[1] == b"RCPT TO:<c0@example.com>\r\n"
    assert said[2:] == [b"DATA\r\n", only.data + b".\r\n", b""]
    assert talk.queue.verdicts == {"c0@example.com": Verdict.SENT}


def test_no_more_than_one_letter_is_begun_behind_another() -> None:
    talk = Talk(Queue(letters(5)))
    talk.hear(GROUP_OK)

    assert len(talk.queue.ready) == 3


@pytest.mark.parametrize("capabilities", [PIPED, PLAIN], ids=["piped", "plain"])
def test_a_body_never_leaves_while_a_byte_is_unaccounted_for(capabilities: Capabilities) -> None:
    talk = Talk(Queue(letters(1)), capabilities)
    for answer in (b"250 sender\r\n", b"250 recipient\r\n"):
        talk.hear(answer)
    talk.said  # noqa: B018
    talk.hear(b"354 go\r\n2")

    assert talk.said == b""
    assert talk.end is End.LOST
    assert talk.queue.verdicts == {"c0@example.com": Verdict.DEFERRED}


def test_a_refusal_at_data_is_followed_by_rset() -> None:
    talk = Talk(Queue(letters(2)))
    assert talk.said == group(0)

    talk.hear(b"250 sender\r\n250 recipient\r\n451 4.3.0 later\r\n")

    assert talk.said == b"RSET\r\n" + group(1)


def test_without_pipelining_rset_waits_for_its_answer() -> None:
    talk = Talk(Queue(letters(2)), PLAIN)
    talk.hear(b"250 sender\r\n")
    talk.said  # noqa: B018
    talk.hear(b"550 5.1.1 nobody\r\n")
    assert talk.said == b"RSET\r\n"

    talk.hear(b"250 forgotten\r\n")

    assert talk.said == b"MAIL FROM:<a@example.org>\r\n"


def test_data_granted_for_a_refused_recipient_is_ended_by_a_lone_dot() -> None:
    talk = Talk(Queue(letters(2)))
    assert talk.said == group(0)
    talk.hear(b"250 sender\r\n550 5.1.1 nobody\r\n354 go\r\n")
    assert talk.said == b".\r\n"
    assert talk.queue.verdicts == {"c0@example.com": Verdict.FAILED}

    talk.hear(b"250 an empty letter to nobody\r\n")

    assert talk.said == group(1)
    assert talk.queue.verdicts == {"c0@example.com": Verdict.FAILED}


def test_the_answers_that_follow_from_a_refusal_change_nothing() -> None:
    talk = Talk(Queue(letters(1)))
    talk.hear(b"552 5.3.4 too big\r\n503 need MAIL\r\n503 need RCPT\r\n")

    assert talk.queue.verdicts == {"c0@example.com": Verdict.MESSAGE}
    assert talk.queue.outcomes["c0@example.com"][0].response == "552 5.3.4 too big"


def test_a_line_lost_after_a_refusal_leaves_the_refusal() -> None:
    talk = Talk(Queue(letters(1)))
    talk.hear(b"250 sender\r\n550 5.1.1 nobody\r\n")
    talk.session.fail(Trouble.LOST)

    assert talk.queue.verdicts == {"c0@example.com": Verdict.FAILED}


def test_a_shifted_refusal_suppresses_nobody() -> None:
    """The 550 is one reply too many; nobody may be struck off for it."""
    talk = Talk(Queue(letters(1)))
    talk.hear(b"250 sender\r\n550 5.1.1 somebody else\r\n250 recipient\r\n")

    assert talk.queue.verdicts == {"c0@example.com": Verdict.DEFERRED}
    assert not talk.session.orderly  # the server may be waiting for a body: a QUIT would become part of it


def test_the_letter_behind_a_lost_one_goes_back() -> None:
    talk = Talk(Queue(letters(2)))
    talk.hear(GROUP_OK)
    talk.session.fail(Trouble.LOST)

    assert talk.queue.verdicts == {"c0@example.com": Verdict.UNCONFIRMED}
    assert talk.queue.given_back == ["c1@example.com"]


def test_trouble_at_mail_gives_everything_back() -> None:
    talk = Talk(Queue(letters(1)))
    talk.hear(b"451 4.3.0 busy\r\n")

    assert talk.end is End.TROUBLE
    assert talk.queue.given_back == ["c0@example.com"]
    assert talk.queue.outcomes == {}


def test_421_after_the_dot_gives_the_letter_back_and_the_one_behind_it() -> None:
    talk = Talk(Queue(letters(2)))
    talk.hear(GROUP_OK + b"")
    talk.hear(b"421 4.3.2 closing\r\n")

    assert talk.queue.given_back == ["c0@example.com", "c1@example.com"]


def test_a_worn_line_ends_without_taking_another_letter() -> None:
    talk = Talk(Queue(letters(3)), letters_per_connection=2)
    talk.hear(GROUP_OK)
    talk.hear(b"250 accepted\r\n" + GROUP_OK)
    talk.hear(b"250 accepted\r\n")

    assert talk.end is End.RECYCLED
    assert len(talk.queue.ready) == 1
    assert talk.session.orderly


def test_an_old_line_ends_after_its_letter() -> None:
    talk = Talk(Queue(letters(3)), connection_age=60)
    talk.now = 61
    talk.hear(GROUP_OK)
    talk.hear(b"250 accepted\r\n")

    assert talk.end is End.RECYCLED
    assert len(talk.queue.ready) == 2


class TestAnIdleLine:
    """A line that has carried a letter and waits for more."""

    @pytest.fixture
    def talk(self) -> Talk:
        talk = Talk(Queue(letters(1)))
        talk.hear(GROUP_OK)
        talk.hear(b"250 accepted\r\n")
        talk.said  # noqa: B018
        assert talk.session.hungry
        assert talk.session.deadline == float("inf")
        return talk

    def test_goes_on_when_there_is_more(self, talk: Talk) -> None:
        talk.queue.add(letter(1))
        talk.session.resume()

        assert talk.said == group(1)

    def test_is_done_when_there_will_be_none(self, talk: Talk) -> None:
        talk.session.finish()

        assert talk.end is End.EXHAUSTED

    def test_costs_nobody_anything_when_the_server_closes_it(self, talk: Talk) -> None:
        talk.hear(b"421 4.4.2 idle for too long\r\n")

        assert talk.end is End.RECYCLED

    @pytest.mark.parametrize("crossing", [b"421 4.4.2 idle for too long\r\n", b""], ids=["421", "closed"])
    def test_costs_nobody_anything_when_closing_crosses_the_next_mail(self, talk: Talk, crossing: bytes) -> None:
        talk.queue.add(letter(1))
        talk.session.resume()
        talk.hear(crossing)
        talk.session.fail(Trouble.LOST)

        assert talk.end is End.RECYCLED
        assert talk.queue.given_back == ["c1@example.com"]

    def test_is_not_confused_with_one_that_never_worked(self) -> None:
        """Else a server that hangs up after EHLO would be called again and again, as fast as it can."""
        talk = Talk(Queue([]))
        talk.session.fail(Trouble.LOST)

        assert talk.end is End.TROUBLE

    def test_may_never_have_had_a_letter_if_it_is_older_than_a_moment(self) -> None:
        talk = Talk(Queue([]))
        talk.now = 30
        talk.session.fail(Trouble.LOST)

        assert talk.end is End.RECYCLED

    def test_has_no_excuse_later(self, talk: Talk) -> None:
        talk.queue.add(letter(1), letter(2))
        talk.session.resume()
        talk.hear(GROUP_OK)
        talk.hear(b"250 accepted\r\n421 4.3.2 closing\r\n")

        assert talk.end is End.TROUBLE


def test_our_credentials_are_blanked_in_what_the_server_says() -> None:
    """Rule 11 of a run."""
    talk = Talk(Queue(letters(1)), user="somebody", password="open-sesame")
    talk.hear(b"250 sender\r\n550 5.7.1 open-sesame is no password, somebody\r\n503 no\r\n")

    assert "sesame" not in talk.queue.outcomes["c0@example.com"][0].response


def test_leaving_decides_what_may_have_been_accepted_and_gives_back_the_rest() -> None:
    talk = Talk(Queue(letters(2)))
    talk.hear(GROUP_OK)
    talk.session.abandon()

    assert talk.queue.verdicts == {"c0@example.com": Verdict.UNCONFIRMED}
    assert talk.queue.given_back == ["c1@example.com"]


def test_leaving_before_the_dot_gives_everything_back() -> None:
    talk = Talk(Queue(letters(1)))
    talk.session.abandon()

    assert talk.queue.outcomes == {}
    assert talk.queue.given_back == ["c0@example.com"]


WORDS = [
    b"250 ok\r\n",
    b"354 go\r\n",
    b"550 5.1.1 no\r\n",
    b"451 later\r\n",
    b"421 bye\r\n",
    b"250-",
    b"503 no\r\n",
    b"x",
]


@given(said=st.lists(st.sampled_from(WORDS), max_size=40), capabilities=st.sampled_from([PIPED, PLAIN]))
def test_whatever_the_server_says_every_letter_is_decided_or_given_back_once(
    said: list[bytes], capabilities: Capabilities
) -> None:
    talk = Talk(queue := Queue(letters(4)), capabilities)
    for word in said:
        talk.hear(word)
    talk.session.fail(Trouble.LOST)

    untouched = [letter.to for letter in queue.ready if letter.to not in queue.given_back]
    assert queue.out == set()
    assert sorted([*queue.verdicts, *queue.given_back, *untouched]) == [letter.to for letter in letters(4)]
    bodies = talk.said.count(b"Subject: Hi")
    assert list(queue.verdicts.values()).count(Verdict.SENT) <= min(bodies, said.count(b"250 ok\r\n"))


def test_the_short_way_means_what_the_long_way_means() -> None:
    """The grants in the words heard before are one comparison; anything else is read answer by answer."""
    talk = Talk(Queue(letters(8)))
    talk.hear(GROUP_OK)
    usual = b"250 2.0.0 queued as %d\r\n" + GROUP_OK
    for number in range(3):
        talk.hear(usual % number)
    talk.hear(b"451 4.2.1 later\r\n" + GROUP_OK)
    talk.hear(b"250 \x07bell\r\n" + GROUP_OK)
    talk.hear(usual % 6 + b"250 surprise\r\n")

    outcomes = [talk.queue.outcomes.get(letter.to) for letter in letters(8)]
    assert [said and said[0].response for said in outcomes[:5]] == [
        "250 2.0.0 queued as 0",
        "250 2.0.0 queued as 1",
        "250 2.0.0 queued as 2",
        "451 4.2.1 later",
        "250 bell",
    ]
    assert [said and said[0].verdict for said in outcomes[3:]] == [
        Verdict.DEFERRED,
        Verdict.SENT,
        Verdict.SENT,
        Verdict.DEFERRED,
        None,
    ]


def test_the_answer_to_the_dot_alone_grants_nothing() -> None:
    """Neither before any words were heard nor after."""
    talk = Talk(Queue(letters(4)))
    talk.hear(GROUP_OK)
    for _ in range(2):
        talk.said  # noqa: B018
        talk.hear(b"250 accepted\r\n")
        assert talk.said == b""
        talk.hear(GROUP_OK)
        assert b"Subject" in talk.said
        talk.hear(b"250 accepted\r\n" + GROUP_OK)
