"""Several letters on their way, without a socket: what is said when, and what becomes of whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailing.delivery.smtp.chunked import DRAIN, GOODBYE, ON_THE_WAY, RESTED
from mailing.delivery.smtp.dialogue import PIECE
from mailing.delivery.smtp.experience import Experience
from mailing.delivery.transport import End
from mailing.replies import Trouble, Verdict
from tests.delivery.carrying import Queue, letter, letters
from tests.delivery.smtp.talking import ChunkedTalk as Talk
from tests.delivery.smtp.talking import chunk, envelope, whole

SENT, FAILED, DEFERRED, UNCONFIRMED = Verdict.SENT, Verdict.FAILED, Verdict.DEFERRED, Verdict.UNCONFIRMED
GRANTED = b"250 forgotten\r\n250 sender\r\n250 recipient\r\n"
TAKEN = b"250 2.0.0 queued\r\n"


def under_way(count: int, **changes: object) -> Talk:
    """A line whose first letter was accepted; the next ones are on their way."""
    talk = Talk(Queue(letters(count)), **changes)
    talk.hear(GRANTED)
    talk.hear(TAKEN)
    return talk


def verdicts(talk: Talk) -> list[Verdict | None]:
    """Of the letters in order; None for who was given back or not touched."""
    return [talk.queue.verdicts.get(letter.to) for letter in letters(12)]


class TestFeelingTheWay:
    def test_the_first_letter_leaves_when_its_recipient_was_granted(self) -> None:
        talk = Talk(Queue(letters(3)))
        assert talk.said == envelope(0)
        talk.hear(GRANTED)

        assert talk.said == chunk(0)

    def test_the_others_leave_in_one_write_when_it_was_accepted(self) -> None:
        talk = Talk(Queue(letters(12)))
        talk.hear(GRANTED)
        talk.said  # noqa: B018
        talk.hear(TAKEN)

        assert talk.written == [b"".join(whole(key) for key in range(1, 9))]

    def test_each_answer_makes_room_for_one_more(self) -> None:
        talk = under_way(12)
        talk.said  # noqa: B018
        talk.hear(GRANTED + TAKEN)

        assert talk.said == whole(9)

    def test_the_first_letter_after_a_rest_waits_for_its_grant_and_the_next_follow_at_once(self) -> None:
        talk = under_way(1)
        talk.said  # noqa: B018
        talk.now = RESTED
        talk.queue.add(*letters(12)[1:4])
        talk.session.resume()
        assert talk.said == envelope(1)
        talk.hear(GRANTED)

        assert talk.said == chunk(1) + whole(2) + whole(3)

    def test_its_chunk_comes_first_although_the_answers_come_one_by_one(self) -> None:
        talk = under_way(1)
        talk.now = RESTED
        talk.queue.add(*letters(12)[1:4])
        talk.session.resume()
        talk.said  # noqa: B018
        talk.hear(b"250 forgotten\r\n250 sender\r\n")
        assert talk.said == b""
        talk.hear(b"250 recipient\r\n")

        assert talk.said == chunk(1) + whole(2) + whole(3)

    @pytest.mark.parametrize("crossing", [b"421 4.4.2 idle for too long\r\n", b""], ids=["421", "closed"])
    def test_a_server_that_left_while_we_rested_has_nobody_in_doubt(self, crossing: bytes) -> None:
        talk = under_way(1)
        talk.now = RESTED
        talk.queue.add(*letters(12)[1:4])
        talk.session.resume()
        talk.hear(crossing)
        talk.session.fail(Trouble.LOST)

        assert talk.end is End.RECYCLED
        assert talk.queue.given_back == ["c1@example.com"]

    def test_a_refused_recipient_costs_no_chunk(self) -> None:
        talk = Talk(Queue(letters(2)))
        talk.said  # noqa: B018
        talk.hear(b"250 forgotten\r\n250 sender\r\n550 5.1.1 nobody\r\n")

        assert talk.said == envelope(1)
        assert verdicts(talk)[0] is FAILED


class TestHowMany:
    def test_a_megabyte_and_no_more(self) -> None:
        """Letters of one mailing are as large as the largest so far."""
        size = ON_THE_WAY // 4
        talk = Talk(Queue([letter(key, ("x" * 70 + "\r\n") * (size // 72)) for key in range(9)]))
        talk.hear(GRANTED)
        talk.hear(TAKEN)

        assert len(talk.queue.out) == 3
        assert talk.said.count(b" LAST\r\n") == 4

    def test_a_slow_server_gets_as_many_as_it_answers_in_time(self) -> None:
        talk = Talk(Queue(letters(30)))
        talk.hear(GRANTED)
        talk.now = DRAIN / 4
        talk.hear(TAKEN)
        assert len(talk.queue.out) == 4

        talk.hear(GRANTED + TAKEN)
        assert len(talk.queue.out) == 8

        talk.now += 2 * DRAIN
        talk.hear((GRANTED + TAKEN) * 8)
        assert len(talk.queue.out) == 4

        for _ in range(4):
            talk.now += DRAIN
            talk.hear(GRANTED + TAKEN)
        assert len(talk.queue.out) == 1

    def test_a_worn_line_takes_no_more_and_ends_when_the_last_is_answered(self) -> None:
        talk = under_way(12, letters_per_connection=4)
        assert len(talk.queue.out) == 3
        talk.hear((GRANTED + TAKEN) * 3)

        assert talk.end is End.RECYCLED
        assert talk.session.orderly

    def test_no_more_is_begun_when_the_source_is_stopped(self) -> None:
        talk = under_way(4)
        talk.session.finish()
        talk.hear((GRANTED + TAKEN) * 3)

        assert talk.end is End.EXHAUSTED


class TestRefusals:
    def test_the_swallowed_chunk_changes_nothing(self) -> None:
        talk = under_way(4)
        talk.hear(GRANTED + TAKEN + b"250 forgotten\r\n250 sender\r\n550 5.1.1 nobody\r\n")
        assert verdicts(talk)[2] is None
        talk.hear(b"503-All RCPT commands were rejected\r\n503 need RCPT\r\n" + GRANTED + TAKEN)

        assert verdicts(talk)[:4] == [SENT, SENT, FAILED, SENT]

    @pytest.mark.parametrize(
        "refused", [b"250 sender\r\n550 5.1.1 nobody\r\n", b"503 sender given\r\n250 recipient\r\n"]
    )
    def test_accepted_all_the_same_is_no_letter_sent(self, refused: bytes) -> None:
        """Somebody else may have got it, or they under another sender; nobody knows what the next answers mean."""
        talk = under_way(4)
        talk.hear(b"250 forgotten\r\n" + refused + TAKEN)

        assert verdicts(talk)[:4] == [SENT, UNCONFIRMED, UNCONFIRMED, UNCONFIRMED]
        assert not any(outcome.suppress for said in talk.queue.outcomes.values() for outcome in said)
        assert talk.session.ending is not None
        assert talk.session.ending.unfit

    def test_trouble_at_mail_ends_the_line_when_those_behind_are_answered(self) -> None:
        talk = under_way(12)
        talk.said  # noqa: B018
        talk.hear(b"250 forgotten\r\n451 4.3.0 busy\r\n503 need MAIL\r\n503 need MAIL\r\n")
        assert talk.said == b""
        assert talk.end is None
        talk.hear((GRANTED + TAKEN) * 7)

        assert talk.end is End.TROUBLE
        assert talk.queue.given_back == ["c1@example.com"]
        assert verdicts(talk)[2:9] == [SENT] * 7

    def test_a_message_refused_is_told_for_each_on_its_way(self) -> None:
        talk = under_way(3)
        talk.hear(b"250 forgotten\r\n552 5.3.4 too big\r\n503 no\r\n503 no\r\n" * 2)

        assert verdicts(talk)[:3] == [SENT, Verdict.MESSAGE, Verdict.MESSAGE]

    def test_what_was_said_to_the_size_of_one_letter_is_judged_as_after_the_dot(self) -> None:
        talk = under_way(3)
        talk.hear(GRANTED + b"552 5.2.2 mailbox full\r\n" + GRANTED + b"554 5.7.1 spam\r\n")

        assert verdicts(talk)[:3] == [SENT, FAILED, FAILED]

    def test_a_refused_rset_harms_nobody_where_the_next_mail_is_granted(self) -> None:
        talk = under_way(3)
        talk.hear(b"451 not now\r\n250 sender\r\n250 recipient\r\n" + TAKEN + GRANTED + TAKEN)

        assert verdicts(talk)[:3] == [SENT, SENT, SENT]
        assert talk.end is End.RECYCLED

    def test_a_server_that_refuses_rset_and_leaves_has_taken_nothing_more(self) -> None:
        talk = under_way(4)
        talk.hear(b"554 Too many nonmail commands\r\n")
        talk.session.fail(Trouble.LOST)

        assert talk.end is End.RECYCLED
        assert talk.queue.given_back == [f"c{key}@example.com" for key in (3, 2, 1)]


class TestGoodbye:
    def test_what_it_has_not_answered_goes_back_when_the_line_ends(self) -> None:
        talk = under_way(4)
        talk.hear(GRANTED + TAKEN + b"421 4.3.2 closing\r\n")
        assert talk.end is None
        talk.session.fail(Trouble.LOST)

        assert talk.end is End.TROUBLE
        assert verdicts(talk)[:4] == [SENT, SENT, None, None]

    def test_it_is_not_waited_for_long(self) -> None:
        talk = under_way(4, reply_timeout=60)
        talk.hear(b"250 forgotten\r\n421 4.3.2 closing\r\n")

        assert talk.session.deadline == GOODBYE
        talk.session.fail(Trouble.TIMEOUT)
        assert talk.end is End.TROUBLE

    def test_what_it_takes_all_the_same_is_sent(self) -> None:
        """Some say 421 for "not now", and go on."""
        talk = under_way(4)
        talk.hear(b"250 forgotten\r\n421 4.7.0 slow down\r\n503 no\r\n503 no\r\n" + GRANTED + TAKEN)
        talk.session.fail(Trouble.LOST)

        assert verdicts(talk)[:4] == [SENT, None, SENT, UNCONFIRMED]


class TestTheBuffer:
    """What the network has not taken has not left."""

    @pytest.fixture
    def talk(self) -> Talk:
        """One letter is on its way, the end of the next stands in our buffer."""
        talk = Talk(Queue(letters(12)))
        talk.hear(GRANTED)
        talk.hear(TAKEN)
        talk.network_takes = len(whole(9)) - 1
        talk.hear(GRANTED + TAKEN)
        assert talk.session.ending is None
        return talk

    @pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.TIMEOUT, Trouble.GARBAGE])
    def test_its_letter_goes_back_and_those_before_are_in_doubt(self, talk: Talk, trouble: Trouble) -> None:
        talk.session.fail(trouble)

        assert talk.was_cut
        assert talk.queue.given_back == ["c9@example.com"]
        assert verdicts(talk)[:9] == [SENT, SENT, *[UNCONFIRMED] * 7]

    def test_it_may_have_arrived_once_the_network_has_taken_it(self, talk: Talk) -> None:
        talk.session.pause(False)
        talk.session.fail(Trouble.LOST)

        assert not talk.was_cut
        assert talk.queue.verdicts["c9@example.com"] is UNCONFIRMED

    def test_nothing_more_is_begun_before(self, talk: Talk) -> None:
        talk.said  # noqa: B018
        talk.hear((GRANTED + TAKEN) * 3)
        assert talk.said == b""
        talk.network_takes = None
        talk.session.pause(False)

        assert talk.said == whole(10) + whole(11)

    def test_leaving_cuts_it_off(self, talk: Talk) -> None:
        talk.session.abandon()

        assert talk.was_cut
        assert talk.queue.given_back == ["c9@example.com"]

    def test_where_several_leave_in_one_write_it_is_sure_of_the_last_alone(self) -> None:
        talk = Talk(Queue(letters(4)))
        talk.hear(GRANTED)
        talk.network_takes = 10
        talk.hear(TAKEN)
        talk.session.fail(Trouble.LOST)

        assert verdicts(talk)[:4] == [SENT, UNCONFIRMED, UNCONFIRMED, None]


class TestALongLetter:
    TEXT = ("x" * 70 + "\r\n") * (3 * PIECE // 72)

    def test_leaves_in_pieces_and_the_next_letter_behind_it(self) -> None:
        talk = Talk(Queue([letter(0), long := letter(1, self.TEXT), letter(2)]))
        talk.hear(GRANTED)
        talk.said  # noqa: B018
        talk.hear(TAKEN)

        pieces = talk.written[1:-1]
        assert all(len(piece) <= PIECE for piece in pieces)
        assert b"".join(pieces) == long.data
        assert talk.written[-1] == whole(2)

    def test_waits_for_the_network_and_nobody_overtakes_it(self) -> None:
        talk = Talk(Queue([letter(0), letter(1, self.TEXT), letter(2)]))
        talk.hear(GRANTED)
        talk.network_takes = 1000
        talk.hear(TAKEN)
        assert len(talk.queue.out) == 1
        talk.session.fail(Trouble.LOST)

        assert verdicts(talk)[:2] == [SENT, None]

    @pytest.mark.parametrize(
        ("early", "verdict"),
        [(b"552 5.3.4 too big\r\n", Verdict.MESSAGE), (b"451 no space\r\n", DEFERRED), (b"250 ok\r\n", DEFERRED)],
    )
    def test_an_answer_before_its_end_ends_the_line(self, early: bytes, verdict: Verdict) -> None:
        talk = Talk(Queue([letter(0, self.TEXT), letter(1)]))
        talk.network_takes = 1000
        talk.hear(GRANTED)
        talk.hear(early)

        assert talk.end is End.LOST
        assert verdicts(talk)[0] is verdict
        assert not talk.session.orderly


class TestTime:
    def test_those_before_do_not_eat_up_the_budget_of_a_letter(self) -> None:
        talk = under_way(4, reply_timeout=10, dot_timeout=50, letter_budget=60)
        talk.now = 9
        talk.hear(b"250 forgotten\r\n250 sender\r\n250 recipient\r\n")
        assert talk.session.deadline == 59
        talk.now = 58
        talk.hear(TAKEN + b"250 forgotten\r\n250 sender\r\n250 recipient\r\n")

        assert talk.session.deadline == 108

    def test_its_own_slowness_does(self) -> None:
        talk = under_way(4, reply_timeout=10, dot_timeout=50, letter_budget=15)
        talk.now = 9
        talk.hear(b"250 forgotten\r\n")

        assert talk.session.deadline == 15

    def test_half_a_reply_buys_no_time(self) -> None:
        talk = under_way(4, reply_timeout=10, letter_budget=500)
        talk.now = 9
        talk.hear(b"250-still")
        talk.hear(b" thinking\r\n250-and thinking\r\n")

        assert talk.session.deadline == 10

    def test_a_letter_begun_behind_others_buys_them_none(self) -> None:
        talk = under_way(2, reply_timeout=10, letter_budget=500)
        talk.now = 9
        talk.queue.add(letter(2))
        talk.session.resume()

        assert talk.session.deadline == 10


class TestOneReplyTooMany:
    def test_is_seen_by_the_words_for_another_command(self) -> None:
        talk = under_way(6)
        talk.hear(b"250 surprise\r\n" + (GRANTED + TAKEN) * 2)

        assert verdicts(talk)[:6] == [SENT, *[UNCONFIRMED] * 5]

    def test_a_server_of_few_words_is_not_suspected(self) -> None:
        talk = Talk(Queue(letters(4)))
        for said in (b"250 OK\r\n" * 3, b"250 OK\r\n", b"250 OK\r\n" * 12):
            talk.hear(said)

        assert verdicts(talk)[:4] == [SENT] * 4


class TestExperience:
    @pytest.mark.parametrize("answer", [b"500 what?\r\n", b"502 no\r\n", b"503 no\r\n", b"504 no\r\n"])
    def test_a_server_that_does_not_know_bdat_is_told_on_and_its_letter_goes_back(self, answer: bytes) -> None:
        talk = Talk(Queue(letters(2)))
        talk.hear(GRANTED)
        talk.hear(answer)

        assert talk.end is End.RECYCLED
        assert talk.session.ending is not None
        assert talk.session.ending.unfit
        assert talk.queue.given_back == ["c0@example.com"]

    @pytest.mark.parametrize(("works", "unfit"), [(False, True), (True, False)])
    def test_a_line_lost_at_the_first_chunk_counts_where_none_was_ever_accepted(
        self, works: bool, unfit: bool
    ) -> None:
        talk = Talk(Queue(letters(2)), experience=Experience(works=works))
        talk.hear(GRANTED)
        talk.session.fail(Trouble.LOST)

        assert talk.session.ending is not None
        assert talk.session.ending.unfit is unfit
        assert verdicts(talk)[0] is UNCONFIRMED

    def test_our_leaving_says_nothing_against_the_server(self) -> None:
        talk = Talk(Queue(letters(2)))
        talk.hear(GRANTED)
        talk.session.abandon()

        assert not talk.experience.fails
        assert verdicts(talk)[0] is UNCONFIRMED

    def test_two_lines_lost_with_several_in_doubt_are_enough(self) -> None:
        experience = Experience()
        for _ in range(2):
            assert experience.is_good
            talk = Talk(Queue(letters(4)), experience=experience)
            talk.hear(GRANTED)
            talk.hear(TAKEN)
            talk.session.fail(Trouble.LOST)

        assert not experience.is_good


WORDS = [
    GRANTED,
    TAKEN,
    b"250 sender\r\n",
    b"550 5.1.1 no\r\n",
    b"451 later\r\n",
    b"421 bye\r\n",
    b"250-",
    b"503 no\r\n",
    b"x",
]


@given(said=st.lists(st.sampled_from(WORDS), max_size=40), room=st.sampled_from([None, 0, 300, 3000]))
def test_whatever_the_server_says_every_letter_is_decided_or_given_back_once(
    said: list[bytes], room: int | None
) -> None:
    talk = Talk(queue := Queue(letters(12)))
    talk.network_takes = room
    for word in said:
        talk.hear(word)
        talk.session.pause(False)
    talk.session.fail(Trouble.LOST)

    untouched = [letter.to for letter in queue.ready if letter.to not in queue.given_back]
    assert queue.out == set()
    assert sorted([*queue.verdicts, *queue.given_back, *untouched]) == sorted(letter.to for letter in letters(12))
    assert list(queue.verdicts.values()).count(SENT) <= talk.said.count(b" LAST\r\n")


@given(data=st.data())
def test_answers_mean_the_same_however_the_network_cuts_them(data: st.DataObject) -> None:
    """The short way and the long one agree."""
    answers = b"".join(
        data.draw(st.lists(st.sampled_from([GRANTED + TAKEN, GRANTED + b"451 4.2.1 later\r\n",
            b"250 forgotten\r\n250 sender\r\n550 5.2.2 full\r\n503 no\r\n"]), min_size=7, max_size=7))
    )  # fmt: skip
    cuts = sorted(data.draw(st.sets(st.integers(1, len(answers) - 1), max_size=6)))
    at_once, cut = under_way(8), under_way(8)
    at_once.hear(answers)
    for begin, end in zip([0, *cuts], [*cuts, len(answers)], strict=True):
        cut.hear(answers[begin:end])

    assert verdicts(cut) == verdicts(at_once)
    assert cut.queue.outcomes == at_once.queue.outcomes
