"""A letter: what an attempt keeps of its message, and its bytes for one client.

`templates` cut it at the places that differ, `encoding` and `base64_body` write them.
"""

from __future__ import annotations

from mailing.delivery.letters import mime, prepare

__all__ = ["mime", "prepare"]
