#!/usr/bin/env python
"""The command line of Samovar: `manage.py help` lists the commands."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.umask(0o077)  # a database, a file of letters: nobody's but the own user's
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    try:
        from backoffice import starting
    except ModuleNotFoundError as error:
        sys.exit(
            f"The package {error.name} is missing in {sys.executable}. Use .venv/bin/python, which make run prepares,"
            " or type: pip install --requirement requirements.txt"
        )
    starting.command_line(sys.argv)


if __name__ == "__main__":
    main()
