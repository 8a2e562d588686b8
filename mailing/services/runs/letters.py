"""The texts of a message, ready for its letters: made in a child process once, and remembered for its next runs."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from mailing import placeholders
from mailing.choices import Hindrance
from mailing.delivery.letters import prepare
from mailing.delivery.letters.prepare import Judged, Prepared, Unsendable
from mailing.errors import Refused
from mailing.models import Message, PreparedBody
from mailing.models.attempt_notes import HINDERED

BROKEN = (placeholders.Invalid, Unsendable)  # what `prepared` raises


def ahead(message: Message) -> Judged | None:
    """What `prepared` would ask a child, asked and remembered while no lock is held; None: it would ask none."""
    if not message.is_html or _known(message) is not None:
        return None
    judged = judge(message)
    keep(message, judged)
    return judged


def prepared(message: Message, *, remember: bool = False, asked: Judged | None = None) -> Prepared:
    """Raises one of `BROKEN`. A message that is known costs a look into a table.

    Looking at a page changes nothing, so only a run remembers what it had to ask a child. `asked` is what `ahead`
    said.
    """
    prepare.check(message)
    if not message.is_html:
        return prepare.prepare(message, None)
    judged = asked if asked is not None and asked.key == _key(message) else _known(message)
    if judged is None:
        judged = judge(message)
        if remember:
            keep(message, judged)
    return prepare.prepare(message, judged)


def hindrance(error: Exception) -> tuple[Hindrance, dict[str, Any]]:
    """What `prepared` raised, as the columns of an attempt hold it."""
    if isinstance(error, Unsendable):
        return error.why, {}
    return Hindrance.BROKEN_MESSAGE, {"problem": str(error)}


def refusal(error: Exception) -> Refused:
    """What `prepared` raised, for the person who asked."""
    why, params = hindrance(error)
    return Refused(HINDERED[why], **params)


def judge(message: Message) -> Judged:
    """What a child says about its HTML."""
    judged = prepare.judge(message.body, wants_text=prepare.wants_text(message))
    return replace(judged, key=_key(message))


def keep(message: Message, judged: Judged) -> None:
    """Remembers what was made of the message as it stands. What failed is not remembered: the next run may try."""
    if judged.problem is None and message.pk:
        values = {"key": _key(message), "html_body": judged.html, "text_body": judged.text}
        PreparedBody.objects.update_or_create(message_id=message.pk, defaults=values)


def _known(message: Message) -> Judged | None:
    if not message.pk:
        return None
    row = PreparedBody.objects.filter(message_id=message.pk, key=_key(message)).first()
    return Judged(html=row.html_body, text=row.text_body) if row is not None else None


def _key(message: Message) -> str:
    """Differs when anything differs that the result depends on."""
    given = (prepare.maker(), str(prepare.wants_text(message)), message.body)
    return sha256("\0".join(given).encode("utf-8", "replace")).hexdigest()
