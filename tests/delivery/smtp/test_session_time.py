"""The session and time: what is due by when, and letters that take long to leave."""

from __future__ import annotations

import pytest

from mailing.delivery.smtp.dialogue import PIECE
from mailing.delivery.transport import End
from mailing.replies import Trouble, Verdict
from tests.delivery.carrying import Queue, letter, letters
from tests.delivery.smtp.talking import GROUP_OK, Talk, group


class TestDeadlines:
    def test_each_answer_has_its_time_from_when_it_became_due(self) -> None:
        talk = Talk(Queue(letters(1)), reply_timeout=10, dot_timeout=60, letter_budget=500)
        assert talk.session.deadline == 10
        talk.now = 4
        talk.hear(b"250 sender\r\n")
        assert talk.session.deadline == 14
        talk.now = 5
        talk.hear(b"250 recipient\r\n354 go\r\n")

        assert talk.session.deadline == 65

    def test_half_a_reply_buys_no_time(self) -> None:
        talk = Talk(Queue(letters(1)), reply_timeout=10, letter_budget=500)
        talk.now = 9
        talk.hear(b"250-still")
        talk.hear(b" thinking\r\n250-and thinking\r\n")

        assert talk.session.deadline == 10

    def test_a_letter_begun_behind_another_buys_that_one_no_time(self) -> None:
        talk = Talk(Queue(letters(1)), reply_timeout=10, dot_timeout=60, letter_budget=500)
        talk.hear(GROUP_OK)
        talk.now = 30
        talk.queue.add(letter(1))
        talk.session.resume()

        assert talk.said.endswith(group(1))
        assert talk.session.deadline == 60

    def test_the_letter_has_a_budget_whatever_the_server_dribbles(self) -> None:
        talk = Talk(Queue(letters(1)), reply_timeout=10, letter_budget=25)
        for moment, answer in ((9, b"250 sender\r\n"), (18, b"250 recipient\r\n"), (24, b"354 go\r\n")):
            talk.now = moment
            talk.hear(answer)

        assert talk.session.deadline == 25


class TestALongLetter:
    TEXT = "x" * 70 + "\r\n"

    @pytest.fixture
    def talk(self) -> Talk:
        talk = Talk(Queue([letter(0, self.TEXT * (4 * PIECE // 72)), letter(1)]))
        talk.said  # noqa: B018
        return talk

    def test_leaves_in_pieces_the_dot_with_the_last_and_the_next_letter_with_it(self, talk: Talk) -> None:
        talk.hear(GROUP_OK)

        assert [len(piece) for piece in talk.written[:-1]] == [PIECE] * (len(talk.written) - 1)
        assert talk.said.endswith(b"\r\n.\r\n" + group(1))

    def test_waits_for_the_network(self, talk: Talk) -> None:
        talk.session.pause(True)
        talk.hear(GROUP_OK)
        assert talk.said == b""

        talk.session.pause(False)

        assert talk.said.endswith(group(1))

    def test_the_network_has_its_time_for_each_piece(self, talk: Talk) -> None:
        talk.session.pause(True)
        talk.hear(GROUP_OK)

        assert talk.session.deadline == 1.0

    @pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.TIMEOUT])
    def test_cannot_have_been_accepted_before_its_dot_left(self, talk: Talk, trouble: Trouble) -> None:
        talk.session.pause(True)
        talk.hear(GROUP_OK)
        talk.session.fail(trouble)

        assert talk.queue.verdicts == {"c0@example.com": Verdict.DEFERRED}

    @pytest.mark.parametrize(
        ("early", "verdict"),
        [
            (b"552 too big\r\n", Verdict.MESSAGE),
            (b"451 no space\r\n", Verdict.DEFERRED),
            (b"250 ok\r\n", Verdict.DEFERRED),
        ],
    )
    def test_an_early_answer_ends_the_line(self, talk: Talk, early: bytes, verdict: Verdict) -> None:
        talk.session.pause(True)
        talk.hear(GROUP_OK)
        talk.hear(early)

        assert talk.queue.verdicts == {"c0@example.com": verdict}
        assert talk.end is End.LOST
        assert not talk.session.orderly
