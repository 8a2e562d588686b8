"""The whole test run: everything on SQLite, then everything that touches the database on PostgreSQL.

    python -m tests [arguments of pytest]

PostgreSQL is started here and stopped again. Where its programs are missing, the second half is skipped with a
visible word; with CI=true that is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks import postgres

SQLITE = "sqlite:///var/samovar.sqlite3"
ON_POSTGRESQL = "not once and not browser"
# A worker that has nothing left takes half of what waits for the other: files last from a moment to three minutes.
WORKERS = ("-n", "2", "--dist", "worksteal")
# Set where images are built; here hundreds of processes would compile the product and pytest all tests anew.
UNCOMPILED = "PYTHONDONTWRITEBYTECODE"


def main(arguments: list[str]) -> int:
    results = [_run("SQLite", arguments, {"DATABASE_URL": SQLITE})]
    programs = postgres.binaries()
    if programs:
        with postgres.server(programs) as url:
            results.append(_run("PostgreSQL", ["-m", ON_POSTGRESQL, *arguments], {"DATABASE_URL": url}))
    else:
        results.append(_missing())
    _say("RESULT", "; ".join(line for line, _ in results))
    return max(code for _, code in results)


def _run(name: str, arguments: list[str], environment: dict[str, str]) -> tuple[str, int]:
    _say("TESTS ON", name)
    begun = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", *WORKERS, *arguments]
    inherited = {variable: value for variable, value in os.environ.items() if variable != UNCOMPILED}
    code = subprocess.run(command, check=False, env=inherited | environment).returncode
    word = "passed" if code == 0 else f"FAILED (pytest ended with {code})"
    return f"{name} {word} in {time.monotonic() - begun:.0f} s", code


def _missing() -> tuple[str, int]:
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        return "PostgreSQL MISSING, but CI must test it: apt-get install postgresql", 1
    return "PostgreSQL SKIPPED: no server programs here (apt-get install postgresql)", 0


def _say(word: str, text: str) -> None:
    sys.stdout.write(f"\n===== {word}: {text} =====\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
