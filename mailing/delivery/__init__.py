"""How letters leave. The way of one letter, room by room:

1. `engine/queue.py` reads who is next and looks at the client again; `engine/ledger.py` claims the letter, durably;
   `engine/writer.py` is the thread that does both for all lines at once.
2. `engine/dispatcher.py` holds the claims until a line is free; `letters/mime.py` fills in the letter.
3. `smtp/session.py` says it to the server, `smtp/connection.py` is the socket around it, `engine/pool.py` all
   connections together.
4. `mailing/replies.py` says what the answer means; the dispatcher takes it, `engine/records.py` is what it looks like
   on its way.
5. The ledger writes it down, together with the next claims.

`engine/runner.py` puts the parts together for one slice (`mailing/services/runs/slice.py`). `guards/lease.py` says
whose turn it is, `guards/circuit_breaker.py`, `guards/rate.py` and `engine/refusal_streak.py` when to wait.
`transport.py` is the seam to other ways of sending, which stand in `transports/`.
"""
