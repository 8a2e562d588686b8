"""What became of the runs: attempts, and the deliveries behind them."""

from __future__ import annotations

from mailing.admin.attempts import deliveries, screen

__all__ = ["deliveries", "screen"]
