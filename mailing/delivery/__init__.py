"""How letters leave. The way of one letter, file by file:

1. `queue.py` reads who is next and looks at the client again; `ledger.py` claims the letter, durably; `writer.py` is
   the thread that does both for all lines at once.
2. `feed.py` holds the claims until a line is free; `composing.py` fills in the letter.
3. `session.py` says it to the server, `connection.py` is the socket around it, `pool.py` all connections together.
4. `mailing/replies.py` says what the answer means; `feed.py` takes it, `entries.py` is what it looks like on its way.
5. `ledger.py` writes it down, together with the next claims.

`shift.py` puts the parts together for one slice (`mailing/services/runs/slice.py`), `lease.py` says whose turn it is,
`breaker.py`, `rate.py` and `streak.py` when to wait. `transport.py` is the seam to other ways of sending.
"""
