"""kill -9 at the worst moments, with the bound drawn tight: duplicates and losses are counted at the server."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connections

from mailing.choices import DeliveryReason, DeliveryStatus
from mailing.models import Attempt, Delivery, Mailing
from tests.chaos import books
from tests.chaos.test_kill import QUICK, finish, mail_server, others_connected
from tests.chaos.victims import MOMENTS, Life
from tests.conftest import Told
from tests.factories import ClientFactory, MailingFactory
from tests.processes import PROJECT, environment, wait_for
from tests.smtp.server import accepted

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BOUNDS = ((2, 5), (1, 0), (4, 30))  # lines, claims ahead: never more than claims ahead + 2 lines stand as being sent
KILLS = 9  # a moment; seven moments make 63 on each database
AHEAD = ((2, 5), (3, 10), (4, 30))  # for a moment that does not come without claims ahead
TRIES = 8 * KILLS  # a moment may not come any more before the life is over
OFFERINGS: tuple[tuple[str, ...], ...] = ((), ("CHUNKING",))  # extensions the server offers beyond `EVERYTHING`

Victims = Callable[[Life], int]


@contextmanager
def victims(env: dict[str, str]) -> Iterator[Victims]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.victims"],
        cwd=PROJECT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, answered = process.stdin, process.stdout

    def live(life: Life) -> int:
        asked.write(life.asked())
        asked.flush()
        ending = int(answered.readline())
        wait_for(lambda: not others_connected(), what="the end of what the dead process had asked of the database")
        return ending

    try:
        yield live
    finally:
        process.kill()
        process.communicate()


def being_sent(mailing: Mailing) -> set[str]:
    rows = Delivery.objects.filter(attempt__mailing=mailing, status=DeliveryStatus.SENDING)
    return set(rows.values_list("email", flat=True))


def killed(mailing: Mailing, moment: str, live: Victims, dice: random.Random) -> Iterator[tuple[set[str], int]]:
    """Who stood as being sent after each kill, and how many may."""
    counted = 0
    for n in range(TRIES):
        lines, ahead = (AHEAD if moment == "with_claims_on_their_way" else BOUNDS)[n % 3]
        life = Life(mailing.pk, moment, dice.randint(1, 6), lines, ahead, seed=dice.randrange(10**6))
        if live(life) == -9:
            counted += 1
            yield being_sent(mailing), ahead + 2 * lines
        if counted == KILLS or not mailing.attempts.running().exists():
            return


@pytest.mark.parametrize("offering", OFFERINGS, ids=lambda offering: "+".join(offering) or "plain")
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_the_worst_moment(moment: str, offering: tuple[str, ...], tmp_path: Path, told: Told) -> None:
    """Rules 4 and 8 of a run."""
    seed = random.randrange(10**6)
    told(f"kill -9, {moment}: seed {seed}")
    mailing = MailingFactory.create(clients=ClientFactory.create_batch(1000))
    log = tmp_path / "accepted.jsonl"
    offers = [word for extension in offering for word in ("--offering", extension)]
    slowly = ["--fault", "dot/delay//0", "--delay", "0.005"] if moment == "with_letters_on_all_lines" else []
    with mail_server(log, "--quick", *offers, *slowly) as port:
        env = environment(EMAIL_PORT=port, **QUICK)
        connections.close_all()  # PostgreSQL: `others_connected` counts those of the victims
        with victims(env) as live:
            found = list(killed(mailing, moment, live, random.Random(seed)))
        finish(mailing, env)
    assert len(found) == KILLS
    for left, most in found:
        assert len(left) <= most, f"{len(left)} letters were being sent, at most {most} may, seed {seed}"
    doubtful = [email for left, _ in found for email in left]
    assert len(set(doubtful)) == len(doubtful)
    check(mailing, log, set(doubtful))
    most_left = [f"{len(left)} of {most}" for left, most in found]
    told(f"kill -9, {moment}: {KILLS} kills, being sent {', '.join(most_left)}, nobody twice, nobody lost")


def check(mailing: Mailing, log: Path, doubtful: set[str]) -> None:
    attempt = Attempt.objects.get(mailing=mailing)
    books.check(attempt, log)
    assert attempt.open == 0
    reached = [to for letter in accepted(log) for to in letter["to"]]
    assert len(set(reached)) == len(reached)
    rows = dict(attempt.deliveries.values_list("email", "status"))
    unconfirmed = {email for email, status in rows.items() if status == DeliveryStatus.UNCONFIRMED}
    assert {email for email, status in rows.items() if status == DeliveryStatus.SENT} == set(reached) - unconfirmed
    assert set(rows.values()) <= {DeliveryStatus.SENT, DeliveryStatus.UNCONFIRMED}
    assert unconfirmed == doubtful
    reasons = attempt.deliveries.filter(status=DeliveryStatus.UNCONFIRMED).values_list("reason", flat=True)
    assert set(reasons) <= {DeliveryReason.WORKER_DIED}
