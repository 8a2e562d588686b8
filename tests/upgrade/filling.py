"""Fills the empty database of DATABASE_URL with all a dump holds: `python -m tests.upgrade.filling`."""

from __future__ import annotations

import io
import logging

import django


def main() -> None:
    django.setup()
    logging.disable(logging.ERROR)  # the runs go wrong on purpose

    from django.core.management import call_command

    from tests.upgrade import rows, scenes

    call_command("seed_demo", clients=50, stdout=io.StringIO())
    call_command("tick", stdout=io.StringIO())
    rows.fill()
    scenes.play()


if __name__ == "__main__":
    main()
