"""The queue of one attempt: its deliveries in the order of their ids, then the deferred whose time has come.

Each client is looked at again before a letter is claimed (rule 2 of a run): who left, was deleted or removed
meanwhile is skipped, a changed address is used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Min
from django.utils import timezone

from mailing.choices import Audience, DeliveryReason, DeliveryStatus, SuppressionReason
from mailing.delivery.engine import ledger_sql
from mailing.delivery.engine.ledger_sql import Waiting
from mailing.delivery.engine.page import Page
from mailing.delivery.engine.records import Batch, Claim, DeliveryUpdate
from mailing.models import Attempt, Delivery

QUEUED, DEFERRED, SKIPPED = DeliveryStatus.QUEUED, DeliveryStatus.DEFERRED, DeliveryStatus.SKIPPED
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Place(NamedTuple):
    """Where the reading stands."""

    cursor: int = 0
    is_read: bool = False  # no queued row lies beyond the cursor
    deferred_at: datetime | None = LONG_AGO  # the next deferred row; unknown until the queue has been read


class Trade(NamedTuple):
    """Two rows traded their clients; one of them may have been skipped before, and waits again."""

    revived: list[DeliveryUpdate]


class Queue:
    """Reads within the caller's transaction; one that is rolled back puts `place` back, too."""

    def __init__(self, attempt: Attempt) -> None:
        self.place = Place()
        self._attempt_id = attempt.pk
        self._members_only = attempt.mailing.audience == Audience.SELECTED
        self._domain = attempt.from_email.rpartition("@")[2].rstrip("> ") or "localhost"
        self._reader = {"attempt": attempt.pk, "mailing": attempt.mailing_id, "everyone": not self._members_only}
        self.page = None if connection.vendor == "postgresql" else Page(self._reader)

    @property
    def next_at(self) -> datetime | None:
        """When there may be something to claim; None: as far as we know, never."""
        return self.place.deferred_at if self.place.is_read else timezone.now()

    def claims(self, want: int, now: datetime) -> tuple[list[Claim], Batch]:
        """Who gets a letter, up to so many, and what becomes of the others; both are still to be written."""
        if self.page is not None and not self.place.is_read:
            claims = self.page.claims(want, self.place.cursor)
            if claims or self.page.is_read:
                self.took(claims)
            if claims:
                return claims, Batch()
        return self.judge(self._read(want, now))

    def _read(self, want: int, now: datetime) -> list[Waiting]:
        """Up to so many rows that wait."""
        rows = [] if self.place.is_read else self._read_queued(want)
        return rows + self._read_deferred(want - len(rows), now) if len(rows) < want else rows

    def parameters(self, want: int) -> dict[str, Any]:
        """What the statements that read are told."""
        return self._reader | {"cursor": self.place.cursor, "want": want}

    def passed(self, rows: Sequence[Waiting], want: int) -> None:
        """Queued rows were read, up to `want`."""
        cursor = rows[-1].id if rows else self.place.cursor
        self.place = self.place._replace(cursor=cursor, is_read=len(rows) < want)
        if self.page is not None:
            self.page.passed(cursor)

    def took(self, claims: Sequence[Claim]) -> None:
        """The next claims of the page."""
        assert self.page is not None
        cursor = claims[-1].id if claims else self.place.cursor
        self.page.passed(cursor)
        self.place = self.place._replace(cursor=cursor, is_read=self.page.is_read)

    def back_to(self, place: Place) -> None:
        """What was read since was rolled back."""
        self.place = place
        if self.page is not None:
            self.page.clear()

    def comes_back(self, at: datetime) -> None:
        """A row was deferred until then."""
        self.place = self.place._replace(deferred_at=min(self.place.deferred_at or at, at))

    def judge(self, rows: Sequence[Waiting]) -> tuple[list[Claim], Batch]:
        """Who gets a letter, and what becomes of the others; both are still to be written."""
        claims: list[Claim] = []
        skipped = Batch()
        for row in rows:
            if row.ordinary:  # nearly every one
                claims.append(Claim.of(row))
                continue
            decided = self._decide(row)
            if isinstance(decided, Claim):
                claims.append(decided)
            elif isinstance(decided, DeliveryUpdate):
                skipped.others.append(decided)
            else:  # what was read is no longer true, so read again
                skipped.others += decided.revived
                self.back_to(Place(deferred_at=self.place.deferred_at))
                break
        return claims, skipped

    # --- Reading ---------------------------------------------------------------------------------

    def _read_queued(self, want: int) -> list[Waiting]:
        rows = self._rows(ledger_sql.READ_QUEUED, self.parameters(want))
        self.passed(rows, want)
        return rows

    def _read_deferred(self, want: int, now: datetime) -> list[Waiting]:
        """Deferred rows whose time has come.

        The status has no index (PostgreSQL would then move every row it updates), so this reads all rows of the
        attempt, and takes ten times as long off before it looks again.
        """
        if self.place.deferred_at is None or self.place.deferred_at > now:
            return []
        begun = time.monotonic()
        moment = ledger_sql.stored(now)
        rows = self._rows(ledger_sql.READ_DEFERRED, self.parameters(want) | {"cursor": 0, "now": moment})
        if len(rows) < want:
            later = Delivery.objects.filter(attempt_id=self._attempt_id, status=DEFERRED, retry_at__gt=now)
            first = later.aggregate(first=Min("retry_at"))["first"]
            rest = timedelta(seconds=10 * (time.monotonic() - begun))
            self.place = self.place._replace(deferred_at=max(first, now + rest) if first else None)
        return rows

    def _rows(self, sql: str, params: dict[str, Any]) -> list[Waiting]:
        with ledger_sql.cursor() as cursor:
            cursor.execute(sql, params)
            return [Waiting._make(row) for row in cursor.fetchall()]

    # --- A client looked at again ----------------------------------------------------------------

    def _decide(self, row: Waiting) -> Claim | DeliveryUpdate | Trade:
        reason = self._why_not(row)
        if reason is not None:
            return _skip(row, reason)
        if row.current_email != row.email:
            other = Delivery.objects.filter(attempt_id=self._attempt_id, email=row.current_email).first()
            if other is not None:
                return self._trade(row, other)
            Delivery.objects.filter(pk=row.id).update(email=row.current_email)
            row = row._replace(email=row.current_email or "")
        claim = Claim.of(row._replace(message_id=row.message_id or self._new_message_id(row)))
        claim.refused_before = row.refused_before
        return claim

    def _trade(self, row: Waiting, other: Delivery) -> DeliveryUpdate | Trade:
        """The client's new address has a row of its own in this attempt (addresses moved between clients).

        Where that address got its letter already, this client is skipped; else the two rows trade their clients.
        """
        if other.status not in (QUEUED, DEFERRED, SKIPPED):
            return _skip(row, DeliveryReason.DUPLICATE)
        Delivery.objects.filter(pk=row.id).update(client_id=other.client_id)
        Delivery.objects.filter(pk=other.pk).update(client_id=row.client_id)
        if other.status != SKIPPED:
            return Trade([])
        return Trade([DeliveryUpdate(other.pk, QUEUED, tries=other.tries, before=SKIPPED)])

    def _why_not(self, row: Waiting) -> DeliveryReason | None:
        if row.current_email is None:
            return DeliveryReason.DELETED
        if row.suppressed is not None:
            return SuppressionReason.as_skip(row.suppressed)
        if self._members_only and row.member is None:
            return DeliveryReason.REMOVED
        return None

    def _new_message_id(self, row: Waiting) -> str:
        """For a row made by a script; the insert of a run gives every row its own."""
        message_id = f"<{row.id}.{self._attempt_id}.{time.time_ns():x}@{self._domain}>"
        Delivery.objects.filter(pk=row.id).update(message_id=message_id)
        return message_id


def _skip(row: Waiting, reason: DeliveryReason) -> DeliveryUpdate:
    return DeliveryUpdate(row.id, SKIPPED, reason, tries=row.tries, before=row.status)
