#!/usr/bin/env python
"""The command line of Samovar: `manage.py help` lists the commands."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.umask(0o077)  # a database, a file of letters: nobody's but the own user's
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
