"""How a letter is said: its commands, its dots, and which letters are not even tried."""

from __future__ import annotations

import pytest

from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.transport import Letter
from mailing.replies import Verdict
from tests.delivery.carrying import Queue, letter
from tests.delivery.smtp.talking import GROUP_OK, Talk, group


class TestWhatIsNotEvenTried:
    @pytest.mark.parametrize(
        "to", ["a b@example.com", "a@example.com>\r\nRCPT TO:<b@example.com", "ж@example.com", ""]
    )
    def test_an_address_that_smtp_cannot_say(self, to: str) -> None:
        talk = Talk(Queue([Letter(0, "a@example.org", to, b"x\r\n"), letter(1)]))

        assert talk.queue.verdicts == {to: Verdict.FAILED}
        assert talk.said == group(1)

    def test_a_letter_larger_than_the_server_announced(self) -> None:
        talk = Talk(Queue([letter(0, "x" * 500 + "\r\n")]), Capabilities(announces_size=True, size=400))

        assert talk.queue.verdicts == {"c0@example.com": Verdict.MESSAGE}
        assert talk.said == b""

    @pytest.mark.parametrize("text", ["bare\n.\nline dispatcher\r\n", "bare\r.\r\nreturn\r\n", "no end"])
    def test_a_letter_that_could_smuggle_another(self, text: str) -> None:
        talk = Talk(Queue([letter(0, text)]))

        assert talk.queue.verdicts == {"c0@example.com": Verdict.MESSAGE}

    def test_bytes_over_127_where_the_server_takes_7_bit(self) -> None:
        talk = Talk(Queue([letter(0, "Здравствуйте\r\n")]), Capabilities(pipelining=True))

        assert talk.queue.verdicts == {"c0@example.com": Verdict.MESSAGE}


def test_mail_says_what_the_server_can_use() -> None:
    only = letter(0, "Здравствуйте\r\n")
    talk = Talk(Queue([only]), Capabilities(eight_bit=True, announces_size=True, size=10_000))

    assert talk.said == b"MAIL FROM:<a@example.org> SIZE=%d BODY=8BITMIME\r\n" % len(only.data)


def test_lines_that_begin_with_a_dot_are_stuffed() -> None:
    talk = Talk(Queue([letter(0, ".\r\n..\r\n.end\r\n")]))
    talk.hear(GROUP_OK)

    assert talk.said.endswith(b"\r\n\r\n..\r\n...\r\n..end\r\n.\r\n")
