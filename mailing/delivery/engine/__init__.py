"""The engine: many lines, one ledger, nobody twice. `runner` runs it for one slice.

`dispatcher` stands between `pool` (all lines) and `writer` (the thread of the database, with `ledger`, `at_once`,
`queue`, `page`, `ledger_sql`); `records` pass between them, `refusal_streak` doubts refusals in a row.
"""

from __future__ import annotations

from mailing.delivery.engine import dispatcher, ledger, records, runner

__all__ = ["dispatcher", "ledger", "records", "runner"]
