"""Letters through any Django e-mail backend: Anymail's providers, a company's own, the console.

Each line has a backend of its own and calls it in a thread: backends block, and know no deadlines of ours.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import smtplib
from contextlib import suppress
from email.message import EmailMessage as ParsedMessage
from email.message import MIMEPart
from email.utils import quote

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from mailing.delivery.detached_thread import run_apart
from mailing.delivery.smtp import commands
from mailing.delivery.smtp.capabilities import Capabilities
from mailing.delivery.transport import Ending, Letter, NotOpened, Source
from mailing.delivery.transports import django_outcomes
from mailing.delivery.transports.one_at_a_time import carry_all
from mailing.replies import Outcome, Phase, Trouble, classify

CAPABILITIES = Capabilities(eight_bit=True)
GOODBYE_WAIT = 1.0  # seconds
OF_THE_MESSAGE = frozenset({"from", "to", "subject", "reply-to", "mime-version"})  # Django writes these itself


class BackendTransport:
    """The backend named by EMAIL_BACKEND, or another one by its path."""

    def __init__(self, backend: str | None = None) -> None:
        self._backend = backend

    async def open(self) -> BackendLine:
        try:
            async with asyncio.timeout(settings.SMTP_CONNECT_TIMEOUT):
                return BackendLine(await run_apart(self._connect))
        except TimeoutError:
            raise NotOpened(classify(Phase.CONNECT, Trouble.TIMEOUT)) from None
        except Exception as error:  # the backends of the world raise what they like
            raise NotOpened(django_outcomes.of_open(error), str(error)) from error

    def _connect(self) -> BaseEmailBackend:
        backend: BaseEmailBackend = get_connection(self._backend, fail_silently=False)
        backend.open()
        return backend


class BackendLine:
    def __init__(self, backend: BaseEmailBackend) -> None:
        self._backend = backend
        self._hangs = self._is_finished = False

    async def run(self, source: Source) -> Ending:
        return await carry_all(source, self._carry, lambda: self._is_finished)

    def finish(self) -> None:
        self._is_finished = True

    async def _carry(self, letter: Letter) -> Outcome:
        flaw = commands.flaw(letter, CAPABILITIES)
        if flaw is not None:
            return flaw
        try:
            async with asyncio.timeout(settings.SMTP_LETTER_BUDGET):
                return await run_apart(lambda: self._send(letter))
        except TimeoutError:
            self._hangs = True
            return classify(Phase.DOT, Trouble.TIMEOUT)

    def _send(self, letter: Letter) -> Outcome:
        message = as_django(letter)
        try:
            self._backend.open()  # again, after a refusal; else it does nothing
        except Exception as error:  # as above
            return django_outcomes.of_open(error)
        try:
            accepted = self._backend.send_messages([message])
        except Exception as error:  # as above; an unknown one counts as "nobody knows"
            if isinstance(error, smtplib.SMTPException):
                self._forget()
            return django_outcomes.of_error(error, message, letter.to)
        return django_outcomes.of_return(accepted, message, letter.to)

    def _forget(self) -> None:
        """Django's SMTP backend sends no RSET: on the same connection the next client would pay for this one."""
        with suppress(smtplib.SMTPException, OSError):
            self._backend.close()

    async def close(self) -> None:
        if self._hangs:
            return
        try:
            async with asyncio.timeout(GOODBYE_WAIT):
                await run_apart(self._backend.close)
        except Exception:  # a bad goodbye changes no outcome
            return


def as_django(letter: Letter) -> EmailMessage:
    """The letter as Django's backends want it: every header of ours kept, addressed to this one recipient."""
    parsed = email.message_from_bytes(letter.data, policy=email.policy.SMTP)
    assert isinstance(parsed, ParsedMessage)
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    message = EmailMultiAlternatives(
        subject=str(parsed["Subject"] or ""),
        body=_content(text if text is not None else html),
        from_email=_mailbox(parsed, "From", letter.sender),
        to=[_mailbox(parsed, "To", letter.to)],
        reply_to=[str(parsed["Reply-To"])] if parsed["Reply-To"] else None,
        headers={name: str(value) for name, value in parsed.items() if _is_ours(name)},
    )
    if html is not None and text is not None:
        message.attach_alternative(_content(html), "text/html")
    elif html is not None:
        message.content_subtype = "html"
    return message


def _is_ours(name: str) -> bool:
    return name.lower() not in OF_THE_MESSAGE and not name.lower().startswith("content-")


def _content(part: MIMEPart | None) -> str:
    return str(part.get_content()) if part is not None else ""


def _mailbox(parsed: ParsedMessage, header: str, address: str) -> str:
    """Our address with the header's name, in plain letters: a provider's API would show an encoded word as it is."""
    named = getattr(parsed[header], "addresses", ())
    name = named[0].display_name if named else ""
    return f'"{quote(name)}" <{address}>' if name else address
