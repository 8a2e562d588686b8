"""The ledger of one attempt: what is claimed, and what became of it.

A letter is claimed (`sending`, durably) before anything about it is composed; its outcome is written by the same
thread. Outcomes and new claims share one transaction, which first moves the attempt's counters under the fence of
the lease: the balance is exact at every commit, and who lost the lease writes nothing more.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Min
from django.utils import timezone

from mailing.choices import Audience, DeliveryReason, DeliveryStatus, SuppressionReason
from mailing.delivery import ledger_sql
from mailing.delivery.ledger_sql import Waiting
from mailing.errors import LeaseLost
from mailing.models import Attempt, Delivery, Suppression
from mailing.models.attempts import DeliveryQuerySet

QUEUED, SENDING, DEFERRED = DeliveryStatus.QUEUED, DeliveryStatus.SENDING, DeliveryStatus.DEFERRED
SENT = DeliveryStatus.SENT
LONG_AGO = datetime.min.replace(tzinfo=UTC)
COUNTED = (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.UNCONFIRMED, DeliveryStatus.SKIPPED)


@dataclass(slots=True, eq=False)
class Claim:
    """One letter that may be handed over now, and what composing it needs."""

    id: int
    email: str
    full_name: str
    greeting: str
    message_id: str
    tries: int  # finished before this one
    refused_before: bool = False  # among the twenty in a row that may have meant the sender
    composed: tuple[bool, bytes] | None = None  # for 8BITMIME or not, and the letter (see `Feed.prepare`)

    @classmethod
    def of(cls, row: Sequence[Any]) -> Claim:
        """From an ordinary `Waiting`: its first columns are these fields."""
        return cls(*row[:6])


class Settled(NamedTuple):
    """What a delivery becomes."""

    id: int
    status: str
    reason: str = ""
    code: int | None = None
    response: str = ""
    tries: int = 0
    retry_at: datetime | None = None
    before: str = SENDING
    suppress: str = ""  # an address that is never to be written to again


class Batch:
    """Outcomes that are written together. Nearly all are letters accepted with 250, which have the shortest way."""

    __slots__ = ("accepted", "others")

    def __init__(self, others: Iterable[Settled] = (), accepted: Iterable[tuple[int, str]] = ()) -> None:
        self.accepted = dict(accepted)  # the delivery's id: the server's words
        self.others = list(others)

    def __len__(self) -> int:
        return len(self.accepted) + len(self.others)

    def moved(self) -> Counter[str]:
        """By how much the number of deliveries in each status changes."""
        moved = Counter({SENT.value: len(self.accepted)})
        for row in self.others:
            moved[row.status] += 1
            moved[row.before] -= 1
        return moved

    def one(self) -> tuple[int, str]:
        """Any of them: its id, and the status it had before."""
        if self.accepted:
            return next(iter(self.accepted)), SENDING
        return self.others[0].id, self.others[0].before


class Ledger:
    """Used by one thread only, the one that owns the database connection."""

    def __init__(self, attempt: Attempt, owner: str) -> None:
        self.attempt_id, self.owner = attempt.pk, owner
        self.mailing_id = attempt.mailing_id
        self.members_only = attempt.mailing.audience == Audience.SELECTED
        self.counts: Counter[str] = Counter()  # since this ledger was opened
        self._domain = attempt.from_email.rpartition("@")[2].rstrip("> ") or "localhost"
        self._sql = ledger_sql.statements()
        self._cursor = 0
        self._queue_read = False  # no queued row lies beyond the cursor
        self._deferred_at: datetime | None = LONG_AGO  # unknown: looked up when the queue has been read

    @property
    def next_at(self) -> datetime | None:
        """When there may be something to claim; None: as far as we know, never."""
        return self._deferred_at if self._queue_read else timezone.now()

    # --- One transaction -------------------------------------------------------------------------

    def exchange(self, batch: Batch, want: int, *, doubtful: bool = False) -> list[Claim]:
        """Writes outcomes and claims up to `want` more letters, all in one durable transaction.

        `doubtful`: the same outcomes were handed in before, and nobody knows whether that commit went through.
        Raises LeaseLost; then nothing was written.
        """
        now = timezone.now()
        if self._sql.at_once and want > 0 and not (doubtful or self._queue_read or batch.others):
            return self._exchange_at_once(batch, want, now)
        before = (self._cursor, self._queue_read, self._deferred_at)
        try:
            with transaction.atomic():
                written = doubtful and len(batch) > 0 and self._is_written(batch)
                self._settle(Batch() if written else batch, now)
                claims, skipped = self._claim(want, now) if want > 0 else ([], Batch())
        except BaseException:
            self._cursor, self._queue_read, self._deferred_at = before
            raise
        self._remember(batch)
        self._remember(skipped)
        return claims

    def _exchange_at_once(self, batch: Batch, want: int, now: datetime) -> list[Claim]:
        """The same for accepted letters and ordinary clients in one statement; the others get a second look."""
        params = self._place(want) | {"owner": self.owner, "now": now, "rows": json.dumps(batch.accepted)}
        with _cursor() as cursor:
            cursor.execute(self._sql.at_once, params)
            answer = cursor.fetchall()
        fence, done, taken, *_ = answer[0]
        found = [Waiting._make(row[3:]) for row in answer if row[3] is not None]
        claims = [Claim.of(row) for row in found if row.ordinary]
        if (fence, done, taken) != (1, len(batch.accepted), len(claims)):
            raise LeaseLost
        self._cursor = found[-1].id if found else self._cursor
        self._queue_read = len(found) < want
        self._remember(batch)
        if len(claims) < len(found):
            claims += self._look_twice([row for row in found if not row.ordinary], now)
        return claims

    def _look_twice(self, rows: Sequence[Waiting], now: datetime) -> list[Claim]:
        with transaction.atomic():
            self._count(Counter())
            claims, skipped = self._claim_rows(rows, now)
        self._remember(skipped)
        return claims

    def release(self, doubtful: Collection[int] = ()) -> None:
        """Returns what was claimed and never begun to the queue. `doubtful`: begun, and nobody knows what became."""
        now = timezone.now()
        lost = Batch(Settled(pk, DeliveryStatus.UNCONFIRMED, DeliveryReason.LINE_LOST, tries=1) for pk in doubtful)
        with transaction.atomic():
            self._settle(lost, now)
            self._open(SENDING).update(status=QUEUED, updated_at=now)
        self._remember(lost)

    def _remember(self, batch: Batch) -> None:
        self.counts.update(batch.moved())
        for row in batch.others:
            if row.status == DEFERRED and row.retry_at:
                self._deferred_at = min(self._deferred_at or row.retry_at, row.retry_at)

    # --- Outcomes --------------------------------------------------------------------------------

    def _settle(self, batch: Batch, now: datetime) -> None:
        self._count(batch.moved())
        if batch.accepted:
            rows = json.dumps(batch.accepted)
            self._change(len(batch.accepted), self._sql.sent, now, rows, self.attempt_id)
        for before, group in groupby(batch.others, lambda row: row.before):
            texts = [self._as_json(row) for row in group]
            self._change(len(texts), self._sql.settle, now, f"[{','.join(texts)}]", self.attempt_id, before)
        self._suppress(row for row in batch.others if row.suppress)

    def _count(self, moved: Counter[str]) -> None:
        """Moves the counters; this is also the fence, and on PostgreSQL the lock that a take-over waits for."""
        values = [moved[status] for status in COUNTED]
        if self._execute(self._sql.count, *values, self.attempt_id, self.owner) != 1:
            raise LeaseLost

    def _change(self, expected: int, sql: str, now: datetime, *params: Any) -> None:
        if self._execute(sql, _stored(now), *params) != expected:
            raise LeaseLost  # somebody else wrote our rows: whoever it was, we are not alone

    def _as_json(self, row: Settled) -> str:
        retry_at = str(_stored(row.retry_at)) if row.retry_at else None
        return json.dumps([row.id, row.status, row.reason, row.code, row.response, row.tries, retry_at])

    def _suppress(self, rows: Iterable[Settled]) -> None:
        found = [
            Suppression(
                email=row.suppress,
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

    # --- Claims ----------------------------------------------------------------------------------

    def _claim(self, want: int, now: datetime) -> tuple[list[Claim], Batch]:
        rows = self._read_queued(want)
        if len(rows) < want:
            rows += self._read_deferred(want - len(rows), now)
        return self._claim_rows(rows, now)

    def _claim_rows(self, rows: Sequence[Waiting], now: datetime) -> tuple[list[Claim], Batch]:
        claims, skipped = self._judge(rows)
        if claims:
            self._change(len(claims), self._sql.claim, now, json.dumps([c.id for c in claims]), self.attempt_id)
        if skipped:
            self._settle(skipped, now)
        return claims, skipped

    def _read_queued(self, want: int) -> list[Waiting]:
        if self._queue_read:
            return []
        rows = self._rows(self._sql.read_queued, self._place(want))
        self._cursor = rows[-1].id if rows else self._cursor
        self._queue_read = len(rows) < want
        return rows

    def _place(self, want: int) -> dict[str, Any]:
        """Where the reading of the queue stands."""
        return {
            "attempt": self.attempt_id,
            "mailing": self.mailing_id,
            "everyone": not self.members_only,
            "cursor": self._cursor,
            "want": want,
        }

    def _read_deferred(self, want: int, now: datetime) -> list[Waiting]:
        """Deferred rows whose time has come.

        The status has no index (PostgreSQL would then move every row it updates), so this reads all rows of the
        attempt, and takes ten times as long off before it looks again.
        """
        if self._deferred_at is None or self._deferred_at > now:
            return []
        begun = time.monotonic()
        rows = self._rows(self._sql.read_deferred, self._place(want) | {"cursor": 0, "now": _stored(now)})
        if len(rows) < want:
            first = self._open(DEFERRED).filter(retry_at__gt=now).aggregate(first=Min("retry_at"))["first"]
            rest = timedelta(seconds=10 * (time.monotonic() - begun))
            self._deferred_at = max(first, now + rest) if first else None
        return rows

    def _judge(self, rows: Sequence[Waiting]) -> tuple[list[Claim], Batch]:
        """Each client is looked at again: who must not be written to is skipped, a changed address is used."""
        claims: list[Claim] = []
        skipped = Batch()
        for row in rows:
            if row.ordinary:  # nearly every one
                claims.append(Claim.of(row))
                continue
            decided = self._decide(row)
            if isinstance(decided, Claim):
                claims.append(decided)
            elif decided is not None:
                skipped.others.append(decided)
            else:  # rows traded their clients: what was read is no longer true, so read again
                self._cursor, self._queue_read = 0, False
                break
        return claims, skipped

    def _decide(self, row: Waiting) -> Claim | Settled | None:
        reason = self._why_not(row)
        if reason is not None:
            return _skip(row, reason)
        if row.client != row.email:
            other = Delivery.objects.filter(attempt_id=self.attempt_id, email=row.client).first()
            if other is not None:
                return self._trade(row, other)
            Delivery.objects.filter(pk=row.id).update(email=row.client)
            row = row._replace(email=row.client or "")
        claim = Claim.of(row._replace(message_id=row.message_id or self._new_message_id(row)))
        claim.refused_before = row.status == DEFERRED and row.tries == 0
        return claim

    def _trade(self, row: Waiting, other: Delivery) -> Settled | None:
        """The client's new address has a row of its own in this attempt (addresses moved between clients).

        Where that address got its letter already, this client is skipped; else the two rows trade their clients.
        """
        if other.status not in (QUEUED, DEFERRED, DeliveryStatus.SKIPPED):
            return _skip(row, DeliveryReason.DUPLICATE)
        Delivery.objects.filter(pk=row.id).update(client_id=other.client_id)
        Delivery.objects.filter(pk=other.pk).update(client_id=row.client_id)
        if other.status == DeliveryStatus.SKIPPED:
            again = Settled(other.pk, QUEUED, tries=other.tries, before=DeliveryStatus.SKIPPED)
            self._settle(Batch([again]), timezone.now())
        return None

    def _why_not(self, row: Waiting) -> DeliveryReason | None:
        if row.client is None:
            return DeliveryReason.DELETED
        if row.suppressed == SuppressionReason.UNSUBSCRIBED:
            return DeliveryReason.UNSUBSCRIBED
        if row.suppressed is not None:
            return DeliveryReason.SUPPRESSED
        if not self._is_member(row):
            return DeliveryReason.REMOVED
        return None

    def _is_member(self, row: Waiting) -> bool:
        return row.member is not None or not self.members_only

    def _new_message_id(self, row: Waiting) -> str:
        """For a row made by a script; the insert of a run gives every row its own."""
        message_id = f"<{row.id}.{self.attempt_id}.{time.time_ns():x}@{self._domain}>"
        Delivery.objects.filter(pk=row.id).update(message_id=message_id)
        return message_id

    # --- Rows ------------------------------------------------------------------------------------

    def _open(self, status: str) -> DeliveryQuerySet:
        return Delivery.objects.filter(attempt_id=self.attempt_id, status=status)

    def _rows(self, sql: str, params: dict[str, Any]) -> list[Waiting]:
        with _cursor() as cursor:
            cursor.execute(sql, params)
            rows = cursor.fetchall()
        if self._sql.reads_one_row:
            rows = sorted(json.loads(rows[0][0]))  # by id: an aggregate promises no order
        return [Waiting._make(row) for row in rows]

    def _execute(self, sql: str, *params: Any) -> int:
        with _cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)


def _cursor() -> CursorWrapper:
    """A cursor without DEBUG's log of queries, which would keep the last 9000 with all their rows."""
    connection.ensure_connection()
    return connection.make_cursor(connection.create_cursor())


def _stored(moment: datetime) -> Any:
    """The moment as a raw statement takes it: text on SQLite."""
    return connection.ops.adapt_datetimefield_value(moment)


def _skip(row: Waiting, reason: DeliveryReason) -> Settled:
    return Settled(row.id, DeliveryStatus.SKIPPED, reason, tries=row.tries, before=row.status)
