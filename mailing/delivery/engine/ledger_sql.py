"""The statements of the ledger, for SQLite and PostgreSQL. Many rows travel as one JSON text.

One statement and one row per group: Python's lock is let go once while the database works, so the event loop goes on
(`executemany` and `fetchall` take and drop it for every row of SQLite's). SQLite's `json_each` has columns `id` and
`key` of its own: all names are qualified. `+d.attempt_id` keeps it from reading the whole attempt through its index.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper


class Waiting(NamedTuple):
    """A delivery that waits: what its letter needs, then what the client looks like now.

    `current_email` None: the client was deleted.
    `ordinary`: the client's address is still the row's, nothing forbids the letter, and it was not among refusals in
    a row that may have meant the sender (`refused_before`).
    """

    id: int
    email: str
    full_name: str | None
    greeting: str | None
    message_id: str
    tries: int
    ordinary: bool | None
    refused_before: bool
    status: str
    client_id: int | None
    current_email: str | None
    suppressed: str | None
    member: int | None


# The inner LIMIT comes first: the joins then touch so many clients and no more, in any database.
READ = """
SELECT d.id, d.email, c.full_name, c.greeting, d.message_id, d.tries,
    c.email = d.email AND s.reason IS NULL AND d.message_id <> '' AND (%(everyone)s OR m.id IS NOT NULL)
        AND NOT d.refused_before AS ordinary,
    d.refused_before, d.status, d.client_id, c.email AS current_email, s.reason AS suppressed, m.id AS member
FROM (
    SELECT q.id, q.status, q.email, q.message_id, q.tries, q.refused_before, q.client_id
    FROM mailing_delivery q
    WHERE q.attempt_id = %(attempt)s AND q.status = {status} AND q.id > %(cursor)s {due}
    ORDER BY q.id LIMIT {limit}
) d
LEFT JOIN mailing_client c ON c.id = d.client_id
LEFT JOIN mailing_suppression s ON s.email = c.email
LEFT JOIN mailing_mailing_clients m ON m.mailing_id = %(mailing)s AND m.client_id = d.client_id
ORDER BY d.id
"""
READ_QUEUED = READ.format(status="'queued'", due="", limit="%(want)s")
READ_DEFERRED = READ.format(status="'deferred'", due="AND q.retry_at <= %(now)s", limit="%(want)s")

# Whether somebody wants the run to stop: asked with every group, so that a pause holds within the letters in flight.
CALLED_OFF = """{attempt}.cut_short <> '' OR (
    SELECT m.is_paused OR {attempt}.trigger <> 'retry' AND COALESCE(m.end_at <= {now}, FALSE)
    FROM mailing_mailing m WHERE m.id = {attempt}.mailing_id
)"""

# The fence: whoever lost the lease changes no row here, and writes nothing.
COUNT = f"""
UPDATE mailing_attempt
SET sent = sent + %s, failed = failed + %s, unconfirmed = unconfirmed + %s, skipped = skipped + %s
WHERE id = %s AND lease_owner = %s AND status = 'running'
RETURNING {CALLED_OFF.format(attempt="mailing_attempt", now="%s")}
"""


# --- The ordinary exchange ----------------------------------------------------------------------------

# PostgreSQL: the counter moves by the rows that were really changed. Odd rows are only read. How many stands in the
# text, at `{want}`: a plan for an unknown number of rows would read whole tables.
AT_ONCE = f"""
WITH fence AS (
    SELECT a.id, {CALLED_OFF.format(attempt="a", now="%(now)s")} AS called_off FROM mailing_attempt a
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
), next AS ({READ.format(status="'queued'", due="", limit="{want}")}
), taken AS (
    UPDATE mailing_delivery AS d SET status = 'sending', updated_at = %(now)s
    FROM fence, next WHERE d.id = next.id AND next.ordinary
    RETURNING d.id
)
SELECT (SELECT count(*) FROM fence), (SELECT count(*) FROM done), (SELECT count(*) FROM taken),
    (SELECT called_off FROM fence), next.*
FROM (SELECT 1) AS one LEFT JOIN next ON true
ORDER BY next.id
"""

# SQLite: a page of the queue in one row. An ordinary client with all a claim needs, an odd one as its id alone.
READ_PAGE = f"""
SELECT json_group_array(CASE WHEN ordinary
    THEN json_array(id, email, full_name, greeting, message_id, tries) ELSE json_array(id) END)
FROM ({READ_QUEUED})
"""

# Whether the run was called off, and when it ends.
WISH = """
SELECT a.cut_short <> '' OR m.is_paused, CASE WHEN a.trigger <> 'retry' THEN m.end_at END
FROM mailing_attempt a JOIN mailing_mailing m ON m.id = a.mailing_id WHERE a.id = %(attempt)s
"""

# What is inserted into this view is done by its trigger, as one statement: SQLite opens the transaction for writing
# before the first line runs, so what the page said is compared when nobody else can write any more. Nothing is stored
# in the view; both belong to the connection.
COLUMNS = ("attempt", "owner", "moment", "accepted", "outcomes", "first", "last", "claims", "version")
EXCHANGE_VIEW = f"CREATE TEMP VIEW IF NOT EXISTS exchange AS SELECT NULL AS {', NULL AS '.join(COLUMNS)}"
EXCHANGE = f"INSERT INTO exchange VALUES ({', '.join('?' * len(COLUMNS))})"
STALE = "somebody has written since the page was read"
EXCHANGE_TRIGGER = f"""
CREATE TEMP TRIGGER IF NOT EXISTS exchanged INSTEAD OF INSERT ON exchange BEGIN
    SELECT RAISE(ABORT, '{STALE}') WHERE (SELECT data_version FROM pragma_data_version) <> NEW.version;
    UPDATE mailing_attempt SET sent = sent + NEW.accepted
        WHERE id = NEW.attempt AND lease_owner = NEW.owner AND status = 'running';
    SELECT RAISE(ABORT, 'the lease was lost') WHERE changes() <> 1;
    UPDATE mailing_delivery
        SET status = 'sent', updated_at = NEW.moment, response = j.value, code = 250, tries = tries + 1,
            reason = '', retry_at = NULL
        FROM json_each(NEW.outcomes) AS j
        WHERE mailing_delivery.id = CAST(j.key AS INTEGER) AND +attempt_id = NEW.attempt AND status = 'sending';
    SELECT RAISE(ABORT, 'an outcome of a row that is not ours') WHERE changes() <> NEW.accepted;
    UPDATE mailing_delivery SET status = 'sending', updated_at = NEW.moment
        WHERE id BETWEEN NEW.first AND NEW.last AND +attempt_id = NEW.attempt AND status = 'queued';
    SELECT RAISE(ABORT, 'a claim of a row that is not ours') WHERE changes() <> NEW.claims;
END
"""

# --- Everything else ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statements:
    """`claim`, `sent`, `update` take the moment, the rows as JSON, the attempt (update: and the old status)."""

    claim: str  # [id, …]
    sent: str  # {id: response}: nearly every outcome, so it has the shortest way
    update: str  # [[id, status, reason, code, response, tries, retry_at, refused_before], …]


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
    update="""
UPDATE mailing_delivery AS d
SET updated_at = %s, status = json_extract(j.value, '$[1]'), reason = json_extract(j.value, '$[2]'),
    code = json_extract(j.value, '$[3]'), response = json_extract(j.value, '$[4]'),
    tries = json_extract(j.value, '$[5]'), retry_at = json_extract(j.value, '$[6]'),
    refused_before = json_extract(j.value, '$[7]')
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
    update="""
UPDATE mailing_delivery AS d
SET updated_at = %s, status = j.value->>1, reason = j.value->>2, code = (j.value->>3)::smallint,
    response = j.value->>4, tries = (j.value->>5)::smallint, retry_at = (j.value->>6)::timestamptz,
    refused_before = (j.value->>7)::boolean
FROM json_array_elements(%s::json) AS j(value)
WHERE d.id = (j.value->>0)::bigint AND d.attempt_id = %s AND d.status = %s
""",
)


def statements() -> Statements:
    return POSTGRESQL if connection.vendor == "postgresql" else SQLITE


def cursor() -> CursorWrapper:
    """A cursor without DEBUG's log of queries, which would keep the last 9000 with all their rows."""
    connection.ensure_connection()
    return connection.make_cursor(connection.create_cursor())


def stored(moment: datetime) -> Any:
    """The moment as a raw statement takes it: text on SQLite."""
    return connection.ops.adapt_datetimefield_value(moment)
