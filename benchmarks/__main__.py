"""`python -m benchmarks [--letters N] [--rounds N] [--only WORD …]`: the table of docs/reference/performance.md."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

from benchmarks import cluster, postgres
from benchmarks.contestants import Result, Samovar, SmtpSource, peers
from benchmarks.sinks import DistantSink, SmtpSink

FAR_AHEAD = 300  # three times the default of SMTP_CLAIMS_AHEAD: larger groups, more letters in doubt after a crash
FAR = f"{FAR_AHEAD} claims ahead"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `better` says in which direction the mark lies."""

    what: str
    measured: float
    at_least: float
    hope: float
    unit: str = "×"
    higher_is_better: bool = True

    @property
    def verdict(self) -> str:
        def reached(mark: float) -> bool:
            return self.measured >= mark if self.higher_is_better else self.measured <= mark

        return "hope" if reached(self.hope) else "mark" if reached(self.at_least) else "SHORT"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def take_turns(rounds: int, contestants: dict[str, Callable[[], Result]]) -> dict[str, list[Result]]:
    """Every contestant once a round, in turn, so that a noisy minute hits all of them."""
    results: dict[str, list[Result]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, send in contestants.items():
            result = send()
            results[name].append(result)
            say(f"  round {number + 1}: {name}: {result.per_second:,.0f} letters/s, "
                f"{result.cpu_per_thousand:.3f} s CPU per 1000, peak {result.cost.peak_mb:.0f} MB")  # fmt: skip
    return results


def speed(results: list[Result]) -> float:
    return median(result.per_second for result in results)


@contextmanager
def durable_postgres() -> Iterator[str]:
    """A PostgreSQL of our own with its defaults: what it confirms has reached the disk."""
    programs = postgres.binaries()
    if programs is None:
        raise RuntimeError("PostgreSQL is missing: install Debian's package postgresql.")
    with postgres.server(programs, durable=True) as url:
        yield url


def loopback(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """SQLite and PostgreSQL against Postfix's generator, on the same sink."""
    with durable_postgres() as url, SmtpSink(folder) as sink:
        embedded = Samovar(folder, options.letters)
        grown = Samovar(folder, options.letters, database_url=url)
        kept, fresh = SmtpSource(folder, kept=True), SmtpSource(folder, kept=False)
        results = take_turns(
            options.rounds,
            {
                "samovar, SQLite": lambda: embedded.send(sink),
                "smtp-source -d": lambda: kept.send(sink, options.letters),
                "samovar, PostgreSQL": lambda: grown.send(sink),
                "smtp-source": lambda: fresh.send(sink, options.letters),
                f"samovar, SQLite, {FAR}": lambda: embedded.send(sink, claims_ahead=FAR_AHEAD),
                f"samovar, PostgreSQL, {FAR}": lambda: grown.send(sink, claims_ahead=FAR_AHEAD),
            },
        )
    theirs, fresh_speed = speed(results["smtp-source -d"]), speed(results["smtp-source"])
    for more in ("", f", {FAR}"):
        ours = results[f"samovar, SQLite{more}"]
        grown_speed = speed(results[f"samovar, PostgreSQL{more}"])
        cpu = median(result.cpu_per_thousand for result in ours)
        yield Row(f"letters/s, SQLite, against smtp-source -d -s 20{more}", speed(ours) / theirs, 1.1, 1.7)
        yield Row(f"letters/s, SQLite, against smtp-source -s 20{more}", speed(ours) / fresh_speed, 3, 5)
        yield Row(f"letters/s, PostgreSQL, against smtp-source -d -s 20{more}", grown_speed / theirs, 0.7, 1.1)
        yield Row(f"CPU per 1000 letters, SQLite{more}", cpu, 0.05, 0.035, "s", higher_is_better=False)


def against_peers(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """The whole product against the sending alone of what Django people use today."""
    few = max(options.letters // 20, 200)
    with SmtpSink(folder) as sink:
        product = Samovar(folder, options.letters)
        results = take_turns(
            options.rounds,
            {"samovar": lambda: product.send(sink)}
            | {peer.name: lambda peer=peer: peer.send(sink, few) for peer in peers(folder)},
        )
    best = max(speed(found) for name, found in results.items() if name != "samovar")
    yield Row("letters/s against the best Django peer", speed(results["samovar"]) / best, 15, 25)


def share_of_a_round_trip(
    folder: Path, round_trip: float, *, connections: int, letters: int, chunking: bool = False
) -> float:
    """Of the letters that so many connections carry when each waits one round trip for each letter."""
    with DistantSink(folder, round_trip, chunking=chunking) as sink:
        Samovar(folder, letters).send(sink, connections=connections)
        first, last = sink.first(), sink.last()
    assert first is not None
    assert last is not None
    return letters / (last - first) / (connections / round_trip)


def at_a_distance(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """The share of K / round trip that is reached, counted between the first and the last accepted letter."""
    for round_trip in (0.02, 0.05):
        for connections in (10, 50):
            letters = int(connections / round_trip * 10)
            share = share_of_a_round_trip(folder, round_trip, connections=connections, letters=letters)
            yield Row(f"share of K/RTT at {round_trip * 1000:.0f} ms, K={connections}", share, 0.9, 0.97, "")
    share = share_of_a_round_trip(folder, 0.05, connections=4, letters=4000, chunking=True)
    yield Row("share of K/RTT at 50 ms, K=4, CHUNKING", share, 4, 7)


def growth(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """How the cost grows with the number of recipients; the last row is the memory mark."""
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= options.largest]
    with SmtpSink(folder) as sink:
        for size in sizes:
            result = Samovar(folder, size).send(sink)
            say(f"  {size:>9,} recipients: {result.cost.wall:.1f} s, {result.per_second:,.0f} letters/s, "
                f"{result.cpu_per_thousand:.3f} s CPU per 1000, peak {result.cost.peak_mb:.0f} MB")  # fmt: skip
            if size == sizes[-1]:
                yield Row(
                    f"peak memory, {size:,} recipients", result.cost.peak_mb, 100, 55, "MB", higher_is_better=False
                )


def with_a_cluster(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """What a worker adds."""
    what = f"first letter of {options.letters:,}, free worker"
    embedded = cluster.first_letter(folder, options.letters)
    yield Row(f"{what}, SQLite", embedded, 1.5, 0.7, "s", higher_is_better=False)
    with durable_postgres() as url:
        grown = cluster.first_letter(folder, options.letters, url)
    yield Row(f"{what}, PostgreSQL", grown, 3, 1.5, "s", higher_is_better=False)
    yield Row("two mailings, two workers, 50 ms", cluster.side_by_side(folder, 6000), 1.9, 2)


PARTS: dict[str, Callable[[Path, argparse.Namespace], Iterator[Row]]] = {
    "loopback": loopback,
    "peers": against_peers,
    "distance": at_a_distance,
    "growth": growth,
    "cluster": with_a_cluster,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--letters", type=int, default=100_000, help="recipients of the loopback rows")
    parser.add_argument("--largest", type=int, default=1_000_000, help="the largest run of the growth rows")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant takes its turn")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS), help="which parts")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    rows: list[Row] = []
    for part in options.only:
        say(f"{part}: {PARTS[part].__doc__}")
        with tempfile.TemporaryDirectory(prefix="samovar-bench-") as folder:
            rows += PARTS[part](Path(folder), options)
    say(f"\n{date.today()}, {platform.machine()}, Python {platform.python_version()}\n")  # noqa: DTZ011
    say("| | measured | at least | hope | |\n|---|---|---|---|---|")
    for row in rows:
        unit = f" {row.unit}" if row.unit else ""
        say(f"| {row.what} | {row.measured:.3g}{unit} | {row.at_least:g} | {row.hope:g} | {row.verdict} |")


if __name__ == "__main__":
    main()
