"""The ledger of one attempt: what is claimed, and what became of it.

A letter is claimed (`sending`, durably) before anything about it is composed (rule 4 of a run); its outcome is
written by the same thread. Outcomes and new claims share one transaction, which first moves the attempt's counters
under the fence of the lease: the balance is exact at every commit (rule 7 of a run), and who lost the lease writes
nothing more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby

from django.db import transaction
from django.utils import timezone

from mailing.choices import DeliveryReason, DeliveryStatus, SuppressionReason
from mailing.delivery.engine import at_once, ledger_sql
from mailing.delivery.engine.ledger_sql import Waiting
from mailing.delivery.engine.queue import Queue
from mailing.delivery.engine.records import Batch, Claim, DeliveryUpdate
from mailing.errors import LeaseLost
from mailing.models import Attempt, Delivery, Suppression

COUNTED = (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.UNCONFIRMED, DeliveryStatus.SKIPPED)


class Ledger:
    """Used by one thread only, the one that owns the database connection."""

    def __init__(self, attempt: Attempt, owner: str) -> None:
        self.attempt_id, self.owner = attempt.pk, owner
        self.queue = Queue(attempt)
        self.counts: Counter[str] = Counter()  # since this ledger was opened
        self.called_off = False  # somebody may want the run to stop: seen by the last exchange
        self._at_once = at_once.for_database(attempt, owner, self.queue)
        self._sql = ledger_sql.statements()

    # --- One transaction -------------------------------------------------------------------------

    def exchange(self, batch: Batch, want: int, *, doubtful: bool = False) -> list[Claim]:
        """Writes outcomes and claims up to `want` more letters, all in one durable transaction.

        `doubtful`: the same outcomes were handed in before, and nobody knows whether that commit went through.
        Raises LeaseLost; then nothing was written.
        """
        now = timezone.now()
        if not (doubtful or batch.others):
            taken = self._at_once.exchange(batch.accepted, want, now)
            if taken is not None:
                self.called_off = taken.called_off
                self._remember(batch)
                return taken.claims + (self._look_twice(taken.odd, now) if taken.odd else [])
        return self._exchange(batch, want, now, doubtful=doubtful)

    def _exchange(self, batch: Batch, want: int, now: datetime, *, doubtful: bool) -> list[Claim]:
        """The long way, for outcomes and clients of all kinds."""
        before, page = self.queue.place, self.queue.page
        try:
            with transaction.atomic():
                if page is not None:
                    page.look()
                written = doubtful and len(batch) > 0 and self._is_written(batch)
                self._write(Batch() if written else batch, now)
                claims, skipped = self._claim(*self.queue.claims(want, now), now) if want > 0 else ([], Batch())
                if page is not None:
                    page.keep()
        except BaseException:  # also when we are told to go: what was rolled back was not read either
            self.queue.back_to(before)
            raise
        self._remember(batch)
        self._remember(skipped)
        return claims

    def _look_twice(self, rows: Sequence[Waiting], now: datetime) -> list[Claim]:
        with transaction.atomic():
            self._count(Counter(), now)
            claims, skipped = self._claim(*self.queue.judge(rows), now)
        self._remember(skipped)
        return claims

    def release(self, doubtful: Collection[int] = ()) -> None:
        """Returns what was claimed and never begun to the queue. `doubtful`: begun, and nobody knows what became."""
        now = timezone.now()
        lost = Batch(
            DeliveryUpdate(pk, DeliveryStatus.UNCONFIRMED, DeliveryReason.LINE_LOST, tries=1) for pk in doubtful
        )
        with transaction.atomic():
            self._write(lost, now)
            held = Delivery.objects.filter(attempt_id=self.attempt_id, status=DeliveryStatus.SENDING)
            held.update(status=DeliveryStatus.QUEUED, updated_at=now)
        self._remember(lost)

    def _claim(self, claims: list[Claim], skipped: Batch, now: datetime) -> tuple[list[Claim], Batch]:
        if claims:
            self._change(len(claims), self._sql.claim, now, json.dumps([c.id for c in claims]), self.attempt_id)
        if skipped:
            self._write(skipped, now)
        return claims, skipped

    def _remember(self, batch: Batch) -> None:
        self.counts.update(batch.moved())
        for row in batch.others:
            if row.status == DeliveryStatus.DEFERRED and row.retry_at:
                self.queue.comes_back(row.retry_at)

    # --- Outcomes --------------------------------------------------------------------------------

    def _write(self, batch: Batch, now: datetime) -> None:
        self._count(batch.moved(), now)
        if batch.accepted:
            rows = json.dumps(batch.accepted)
            self._change(len(batch.accepted), self._sql.sent, now, rows, self.attempt_id)
        for before, group in groupby(batch.others, lambda row: row.before):
            texts = [self._as_json(row) for row in group]
            self._change(len(texts), self._sql.update, now, f"[{','.join(texts)}]", self.attempt_id, before)
        self._suppress(row for row in batch.others if row.suppress_email)

    def _count(self, moved: Counter[str], now: datetime) -> None:
        """Moves the counters; this is also the fence, and on PostgreSQL the lock that a take-over waits for."""
        values = [moved[status] for status in COUNTED]
        with ledger_sql.cursor() as cursor:
            cursor.execute(ledger_sql.COUNT, (*values, self.attempt_id, self.owner, ledger_sql.stored(now)))
            found = cursor.fetchall()
        if len(found) != 1:
            raise LeaseLost
        self.called_off = bool(found[0][0])

    def _change(self, expected: int, sql: str, now: datetime, *params: int | str) -> None:
        if self._execute(sql, ledger_sql.stored(now), *params) != expected:
            raise LeaseLost  # somebody else wrote our rows: whoever it was, we are not alone

    def _as_json(self, row: DeliveryUpdate) -> str:
        retry_at = str(ledger_sql.stored(row.retry_at)) if row.retry_at else None
        words = (row.reason, row.code, row.response)
        return json.dumps([row.id, row.status, *words, row.tries, retry_at, row.refused_before])

    def _suppress(self, rows: Iterable[DeliveryUpdate]) -> None:
        found = [
            Suppression(
                email=row.suppress_email,
                reason=SuppressionReason.HARD_BOUNCE,
                note=row.response,
                attempt_id=self.attempt_id,
            )
            for row in rows
        ]
        if found:
            Suppression.objects.bulk_create(found, ignore_conflicts=True)

    def _is_written(self, batch: Batch) -> bool:
        """One transaction wrote all of them or none: any row tells."""
        pk, before = batch.one()
        return not Delivery.objects.filter(pk=pk, status=before).exists()

    def _execute(self, sql: str, *params: int | str | datetime) -> int:
        with ledger_sql.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)
