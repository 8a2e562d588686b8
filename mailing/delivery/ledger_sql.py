"""The statements of the ledger, for SQLite and PostgreSQL. Many rows travel as one JSON text.

One statement per group of rows: it lets go of Python's lock while the database works, so the event loop goes on
(`executemany` takes and drops the lock for every row). SQLite's `json_each` has columns `id` and `key` of its own:
all names are qualified. `+d.attempt_id` keeps SQLite from reading the whole attempt through its index.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

# The inner LIMIT comes first: the joins then touch so many clients and no more, in any database.
READ = """
SELECT d.id, d.status, d.email, d.message_id, d.tries, d.client_id, c.email, c.full_name, c.greeting, s.reason, m.id
FROM (
    SELECT q.id, q.status, q.email, q.message_id, q.tries, q.client_id
    FROM mailing_delivery q
    WHERE q.attempt_id = %s AND q.status = %s AND q.id > %s {due}
    ORDER BY q.id LIMIT %s
) d
LEFT JOIN mailing_client c ON c.id = d.client_id
LEFT JOIN mailing_suppression s ON s.email = c.email
LEFT JOIN mailing_mailing_clients m ON m.mailing_id = %s AND m.client_id = d.client_id
ORDER BY d.id
"""

# The fence: whoever lost the lease changes no row here, and writes nothing.
COUNT = """
UPDATE mailing_attempt
SET sent = sent + %s, failed = failed + %s, unconfirmed = unconfirmed + %s, skipped = skipped + %s
WHERE id = %s AND lease_owner = %s AND status = 'running'
"""


@dataclass(frozen=True)
class Statements:
    """`claim`, `sent`, `settle` take the moment, the rows as JSON, the attempt (settle: and the old status)."""

    claim: str  # [id, …]
    sent: str  # {id: response}: nearly every outcome, so it has the shortest way
    settle: str  # [[id, status, reason, code, response, tries, retry_at], …]
    read_queued: str = READ.format(due="")
    read_deferred: str = READ.format(due="AND q.retry_at <= %s")
    count: str = COUNT


SQLITE = Statements(
    claim="""
UPDATE mailing_delivery AS d SET status = 'sending', updated_at = %s
FROM json_each(%s) AS j WHERE d.id = j.value AND +d.attempt_id = %s AND d.status IN ('queued', 'deferred')
""",
    sent="""
UPDATE mailing_delivery AS d
SET status = 'sent', updated_at = %s, response = j.value, code = 250, tries = d.tries + 1, reason = '',
    retry_at = NULL
FROM json_each(%s) AS j WHERE d.id = CAST(j.key AS INTEGER) AND +d.attempt_id = %s AND d.status = 'sending'
""",
    settle="""
UPDATE mailing_delivery AS d
SET updated_at = %s, status = json_extract(j.value, '$[1]'), reason = json_extract(j.value, '$[2]'),
    code = json_extract(j.value, '$[3]'), response = json_extract(j.value, '$[4]'),
    tries = json_extract(j.value, '$[5]'), retry_at = json_extract(j.value, '$[6]')
FROM json_each(%s) AS j
WHERE d.id = json_extract(j.value, '$[0]') AND +d.attempt_id = %s AND d.status = %s
""",
)

POSTGRESQL = Statements(
    claim="""
UPDATE mailing_delivery AS d SET status = 'sending', updated_at = %s
FROM json_array_elements_text(%s::json) AS j(value)
WHERE d.id = j.value::bigint AND d.attempt_id = %s AND d.status IN ('queued', 'deferred')
""",
    sent="""
UPDATE mailing_delivery AS d
SET status = 'sent', updated_at = %s, response = j.value, code = 250, tries = d.tries + 1, reason = '',
    retry_at = NULL
FROM json_each_text(%s::json) AS j(key, value)
WHERE d.id = j.key::bigint AND d.attempt_id = %s AND d.status = 'sending'
""",
    settle="""
UPDATE mailing_delivery AS d
SET updated_at = %s, status = j.value->>1, reason = j.value->>2, code = (j.value->>3)::smallint,
    response = j.value->>4, tries = (j.value->>5)::smallint, retry_at = (j.value->>6)::timestamptz
FROM json_array_elements(%s::json) AS j(value)
WHERE d.id = (j.value->>0)::bigint AND d.attempt_id = %s AND d.status = %s
""",
)


def statements() -> Statements:
    return POSTGRESQL if connection.vendor == "postgresql" else SQLITE
