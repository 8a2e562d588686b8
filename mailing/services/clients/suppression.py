"""The stop list: who is never written to, and why.

An address has one entry. A weightier reason takes the place of a lighter one and never the other way round:
what a person asked for must outlive what a mail server said, or undoing the bounces of a bad day would also
undo somebody's goodbye. The reason that was there before stays in the note; and because a goodbye can be taken back
by who said it, what staff decided is kept under it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_noop, ngettext

from mailing import addresses
from mailing.choices import SuppressionReason
from mailing.errors import NotAllowed
from mailing.models import Attempt, Suppression, Undo
from mailing.models.bulk import insert_select
from mailing.services.access import audit_log, permissions, undos

WEIGHT = {
    SuppressionReason.HARD_BOUNCE: 0,  # what a server said
    SuppressionReason.MANUAL: 1,  # what staff decided
    SuppressionReason.UNSUBSCRIBED: 2,  # what the person asked for
    SuppressionReason.COMPLAINT: 3,  # and could not be undone by a click on an old link
}
AT_ONCE = 500
NAMED = 20  # in the journal
NEEDS_SENDING = gettext_noop("Only those who may send mailings may let letters go to an address again.")


def suppress(
    email: str, reason: str, *, note: str = "", by: User | None = None, undo: Undo | None = None
) -> Suppression:
    """Never write to this address again. Twice is the same as once. `undo` remembers how it stood before."""
    with transaction.atomic():
        if undo is not None:
            undos.keep_address(undo, addresses.normalize(email))
        suppress_many([email], reason, note=note, by=by)
    return Suppression.objects.get(email=email)


def suppress_many(emails: Iterable[str], reason: str, *, note: str = "", by: User | None = None) -> int:
    """How many of the addresses are new on the list; the others keep the weightier reason."""
    added, raised = _Journal(by, ADDITION), _Journal(by, CHANGE)
    rest = map(addresses.normalize, emails)
    while part := list(dict.fromkeys(islice(rest, AT_ONCE))):
        new, changed = _suppress_slice(part, SuppressionReason(reason), note, by)
        added.take(new)
        raised.take(changed)
    added.write()
    raised.write()
    return added.number


def lift(entry: Suppression, *, by: User) -> bool:
    """Letters go to this address again. False: it was not on the list any more."""
    return lift_many(Suppression.objects.filter(pk=entry.pk), by=by) == 1


def lift_many(entries: QuerySet[Suppression], *, by: User, undo: Undo | None = None) -> int:
    """Letters go to these addresses again; returns how many. `undo` remembers the entries."""
    if not by.has_perm("mailing.send_mailing"):
        raise NotAllowed(NEEDS_SENDING)
    with transaction.atomic():
        if undo is not None:
            undos.keep_entries(undo, entries)
        emails = list(entries.values_list("email", flat=True))
        lifted = _delete(entries)
        if lifted:
            _write_journal(by, DELETION, emails)
    return lifted


def lift_all_of_attempt(attempt: Attempt, *, by: User) -> int:
    """Undo what this attempt put on the list; what a person asked for since then stays."""
    return lift_many(of_attempt(attempt), by=by)


def of_attempt(attempt: Attempt) -> QuerySet[Suppression]:
    """The entries that undoing this attempt's stop-list entries would lift."""
    return Suppression.objects.filter(attempt=attempt, reason=SuppressionReason.HARD_BOUNCE)


def unsubscribe(email: str) -> None:
    """The client unsubscribes by the link in a letter."""
    suppress(email, SuppressionReason.UNSUBSCRIBED)


@transaction.atomic
def resubscribe(email: str) -> bool:
    """The client changes their mind. Only what they did themselves is undone: what staff decided stands again."""
    own = Suppression.objects.filter(email=email, reason=SuppressionReason.UNSUBSCRIBED)
    covered = own.filter(manual_note__isnull=False)
    restored = covered.update(reason=SuppressionReason.MANUAL, note=F("manual_note"), manual_note=None)
    return bool(restored or _delete(own))


@transaction.atomic
def follow(before: str, after: str, *, by: User | None) -> Suppression | None:
    """A client has another address now: what a person or staff decided goes along; the new entry, or None.

    What a mail server said was about the mailbox: another address is what mends it.
    """
    decided = Suppression.objects.filter(email=before).exclude(reason=SuppressionReason.HARD_BOUNCE).first()
    if decided is None:
        return None
    entry = suppress(after, decided.reason, note=decided.note, by=by)
    if decided.manual_note is not None:
        list_under_goodbyes(Suppression.objects.filter(pk=entry.pk), decided.manual_note)
    return entry


@transaction.atomic
def put_as_before(act: Undo, *, by: User) -> int:
    """Takes off what the act put there and gives what it changed its old reason; returns how many.

    What somebody else did about an address since stays. Raises NotAllowed.
    """
    if not permissions.may_return_letters(by):
        raise NotAllowed(NEEDS_SENDING)
    fresh = Suppression.objects.filter(created_by=by, email__in=act.entries.filter(reason="").values("email"))
    emails = list(fresh.values_list("email", flat=True))
    number = _delete(fresh)
    for entry in act.entries.exclude(reason="").iterator():
        mine = Q(created_by=by, reason=SuppressionReason.MANUAL) & ~Q(reason=entry.reason)
        noted = Q(reason=SuppressionReason.UNSUBSCRIBED, manual_note__isnull=False)
        changed = Suppression.objects.filter(mine | noted if entry.manual_note is None else mine, email=entry.email)
        number += changed.update(
            reason=entry.reason,
            note=entry.note,
            manual_note=entry.manual_note,
            attempt=entry.attempt_id,
            created_by=entry.added_by_id,
        )
    _write_journal(by, DELETION, emails)
    return number


@transaction.atomic
def list_again(act: Undo, *, by: User) -> int:
    """Puts the entries that the act took off back as they were; one that was made since stays. Raises NotAllowed."""
    if not permissions.may_stop_letters(by):
        raise NotAllowed(permissions.NEEDS_MANAGER)
    entries = act.entries.all()
    known = Suppression.objects.filter(email__in=entries.values("email")).values("email")
    emails = list(entries.exclude(email__in=known).values_list("email", flat=True))
    columns = {name: F(name) for name in ("email", "reason", "note", "manual_note", "attempt")}
    number = insert_select(Suppression, entries, **columns, created_by=F("added_by"), created_at=F("added_at"))
    _write_journal(by, ADDITION, emails)
    return number


def list_under_goodbyes(entries: QuerySet[Suppression], note: str = "") -> None:
    """Staff list addresses some of which left by themselves: remembered, for the day these come back."""
    entries.filter(reason=SuppressionReason.UNSUBSCRIBED, manual_note=None).update(manual_note=note)


@transaction.atomic
def _suppress_slice(
    emails: list[str], reason: SuppressionReason, note: str, by: User | None
) -> tuple[list[str], list[str]]:
    """(new on the list, with a weightier reason than before)"""
    here = set(Suppression.objects.filter(email__in=emails).values_list("email", flat=True))
    new = [email for email in emails if email and email not in here]
    Suppression.objects.bulk_create(
        [Suppression(email=email, reason=reason, note=note, created_by=by) for email in new],
        ignore_conflicts=True,  # somebody else may have put it there meanwhile: the next step settles the reason
    )
    if reason is SuppressionReason.MANUAL:
        list_under_goodbyes(Suppression.objects.filter(email__in=emails), note)
    raised = [entry.email for entry in _lighter(emails, reason) if _raise(entry, reason, note, by)]
    return new, raised


def _lighter(emails: list[str], reason: SuppressionReason) -> QuerySet[Suppression]:
    reasons = [other for other, weight in WEIGHT.items() if weight < WEIGHT[reason]]
    return Suppression.objects.filter(email__in=emails, reason__in=reasons)


def _raise(entry: Suppression, reason: SuppressionReason, note: str, by: User | None) -> bool:
    """The weightier reason takes the place of the lighter one; no attempt put it there."""
    before = SuppressionReason(entry.reason).label
    history = f"{before} ({entry.note})" if entry.note else str(before)
    mine = Suppression.objects.filter(pk=entry.pk, reason=entry.reason)
    covered = {"manual_note": entry.note} if entry.reason == SuppressionReason.MANUAL else {}
    words = "\n".join(filter(None, (note, history)))
    return bool(mine.update(reason=reason, note=words, attempt=None, created_by=by, **covered))


def _write_journal(by: User, action: int, emails: list[str]) -> None:
    journal = _Journal(by, action)
    journal.take(emails)
    journal.write()


def _delete(entries: QuerySet[Suppression]) -> int:
    return entries.delete()[0]


@dataclass
class _Journal:
    """One line in the journal, however many addresses; it names the first of them."""

    by: User | None
    action: int
    number: int = 0
    first: list[str] = field(default_factory=list)

    def take(self, emails: list[str]) -> None:
        self.number += len(emails)
        self.first += emails[: NAMED - len(self.first)]

    def write(self) -> None:
        if self.by is None or not self.number:
            return
        if self.number > 1:
            counted = ngettext("%(count)d address", "%(count)d addresses", self.number) % {"count": self.number}
            audit_log.record_many(Suppression, self.by, self.action, counted, ", ".join(self.first))
        elif entry := Suppression.objects.filter(email=self.first[0]).first():
            audit_log.record(entry, self.by, self.action)
        else:
            audit_log.record_many(Suppression, self.by, self.action, self.first[0])
