"""SMTP as a client: `connect` makes a line, `connection` is its socket, `session` the dialogue about letters.

The dialogue before them is `handshake`, `reply_parser` reads answers, `outcomes` says what they mean.
"""

from __future__ import annotations

from mailing.delivery.smtp import capabilities, commands, connect, options

__all__ = ["capabilities", "commands", "connect", "options"]
