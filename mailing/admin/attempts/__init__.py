"""What became of the runs: attempts, and the deliveries behind them.

`screen` is the ModelAdmin of attempts. Its parts: `listing`, `change_page`, `pages`. `deliveries` is the other
screen; `links` leads from one to the other. `run_chart` draws the runs of one mailing, for its page.
"""

from __future__ import annotations

from mailing.admin.attempts import deliveries, run_chart, screen

__all__ = ["deliveries", "run_chart", "screen"]
