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


# PostgreSQL does an ordinary exchange in one statement, so in one round trip instead of six: each costs a turn of the
# scheduler. The counter moves by the rows that were really changed. Odd rows are only read.
AT_ONCE = """
WITH fence AS (
    SELECT a.id FROM mailing_attempt a
    WHERE a.id = %(attempt)s AND a.lease_owner = %(owner)s AND a.status = 'running' FOR UPDATE
), done AS (
    UPDATE mailing_delivery AS d
    SET status = 'sent', updated_at = %(now)s, response = j.value, code = 250, tries = d.tries + 1, reason = '',
        retry_at = NULL
    FROM fence, json_each_text(%(rows)s::json) AS j(key, value)
    WHERE d.id = j.key::bigint AND d.attempt_id = fence.id AND d.status = 'sending'
    RETURNING d.id
), counted AS (
    UPDATE mailing_attempt AS a SET sent = a.sent + (SELECT count(*) FROM done) FROM fence WHERE a.id = fence.id
), next AS (
    SELECT d.*, c.email AS address, c.full_name, c.greeting, s.reason AS suppressed, m.id AS member,
        c.email = d.email AND s.reason IS NULL AND d.message_id <> ''
            AND (%(everyone)s OR m.id IS NOT NULL) AS ordinary
    FROM (
        SELECT q.id, q.status, q.email, q.message_id, q.tries, q.client_id
        FROM mailing_delivery q
        WHERE q.attempt_id = %(attempt)s AND q.status = 'queued' AND q.id > %(cursor)s
        ORDER BY q.id LIMIT %(want)s
    ) d
    LEFT JOIN mailing_client c ON c.id = d.client_id
    LEFT JOIN mailing_suppression s ON s.email = c.email
    LEFT JOIN mailing_mailing_clients m ON m.mailing_id = %(mailing)s AND m.client_id = d.client_id
), taken AS (
    UPDATE mailing_delivery AS d SET status = 'sending', updated_at = %(now)s
    FROM fence, next WHERE d.id = next.id AND next.ordinary
    RETURNING d.id
)
SELECT (SELECT count(*) FROM fence), (SELECT count(*) FROM done), (SELECT count(*) FROM taken), next.ordinary,
    next.id, next.status, next.email, next.message_id, next.tries, next.client_id,
    next.address, next.full_name, next.greeting, next.suppressed, next.member
FROM (SELECT 1) AS one LEFT JOIN next ON true
ORDER BY next.id
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
    at_once: str = ""  # see AT_ONCE


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
    at_once=AT_ONCE,
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
