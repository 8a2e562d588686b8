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

# Of smtp-source -d: the better of what was known of it (0.42 to 0.49) on two such cores; it does not run here.
LISTMONK = 0.49


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


def take_turns(times: int, contestants: dict[str, Callable[[], Result]]) -> dict[str, list[Result]]:
    """Every contestant once a round, in turn, so that a noisy minute hits all of them."""
    results: dict[str, list[Result]] = {name: [] for name in contestants}
    for number in range(times):
        for name, send in contestants.items():
            result = send()
            results[name].append(result)
            say(f"  round {number + 1}: {name}: {result.per_second:,.0f} letters/s, "
                f"{result.cpu_per_thousand:.3f} s CPU per 1000, peak {result.cost.peak_mb:.0f} MB")  # fmt: skip
    return results


def speed(results: list[Result]) -> float:
    return median(result.per_second for result in results)


def cpu(results: list[Result]) -> float:
    return median(result.cpu_per_thousand for result in results)


def show(results: dict[str, list[Result]]) -> None:
    """Everybody's medians. Where speed and processor disagree, others used the machine: the processor tells."""
    say("\n| | letters/s | lowest and highest | CPU per 1000 | of the sink |\n|---|--:|--:|--:|--:|")
    for name, found in results.items():
        speeds = [result.per_second for result in found]
        sink = median(result.sink_cpu_per_thousand for result in found)
        say(f"| {name} | {median(speeds):,.0f} | {min(speeds):,.0f} to {max(speeds):,.0f} "
            f"| {cpu(found):.4f} s | {sink:.4f} s |")  # fmt: skip
    say("")


@contextmanager
def durable_postgres() -> Iterator[str]:
    """A PostgreSQL of our own with its defaults: what it confirms has reached the disk."""
    programs = postgres.binaries()
    if programs is None:
        raise RuntimeError("PostgreSQL is missing: install Debian's package postgresql.")
    with postgres.server(programs, durable=True) as url:
        yield url


def loopback(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """SQLite and PostgreSQL against Postfix's generator, on the same sink, with two letters."""
    letters = options.letters
    with durable_postgres() as url, SmtpSink(folder) as sink:
        embedded = Samovar(folder, letters)
        russian = Samovar(folder, letters, letter="paragraphs")
        grown = Samovar(folder, letters, database_url=url)
        kept, fresh = SmtpSource(folder, kept=True), SmtpSource(folder, kept=False)
        longer = SmtpSource(folder, kept=True, letter="paragraphs")
        results = take_turns(
            rounds(options, 9),
            {
                "samovar, SQLite": lambda: embedded.send(sink),
                "smtp-source -d": lambda: kept.send(sink, letters),
                "samovar, SQLite, paragraphs": lambda: russian.send(sink),
                "smtp-source -d, as long": lambda: longer.send(sink, letters),
                "samovar, PostgreSQL": lambda: grown.send(sink),
                "smtp-source": lambda: fresh.send(sink, letters),
            },
        )
    show(results)
    ours, russians, growns = (results[f"samovar, {name}"] for name in ("SQLite", "SQLite, paragraphs", "PostgreSQL"))
    theirs = speed(results["smtp-source -d"])
    share = speed(ours) / theirs
    yield Row("letters/s, SQLite, against smtp-source -d -s 20", share, 1.0, 1.2)
    yield Row(
        "the same, Russian paragraphs on one line",
        speed(russians) / speed(results["smtp-source -d, as long"]), 0.9, 1.1,
    )  # fmt: skip
    yield Row("letters/s, SQLite, against smtp-source -s 20", speed(ours) / speed(results["smtp-source"]), 3, 5)
    yield Row("letters/s, PostgreSQL, against smtp-source -d -s 20", speed(growns) / theirs, 0.65, 0.8)
    yield Row("letters/s, SQLite, against listmonk's known share of smtp-source -d", share / LISTMONK, 2, 2.5)
    for what, found, at_least, hope in (
        ("SQLite", ours, 0.042, 0.035),
        ("SQLite, paragraphs", russians, 0.048, 0.040),
        ("PostgreSQL without its server", growns, 0.045, 0.038),
    ):
        yield Row(f"CPU per 1000 letters, {what}", cpu(found), at_least, hope, "s", higher_is_better=False)


def against_peers(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """The whole product against the sending alone of what Django people use today."""
    few = max(options.letters // 20, 200)
    with SmtpSink(folder) as sink:
        product = Samovar(folder, options.letters)
        results = take_turns(
            rounds(options, 3),
            {"samovar": lambda: product.send(sink)}
            | {peer.name: lambda peer=peer: peer.send(sink, few) for peer in peers(folder)},
        )
    best = max(speed(found) for name, found in results.items() if name != "samovar")
    yield Row("letters/s against the best Django peer", speed(results["samovar"]) / best, 20, 25)


def share_of_a_round_trip(
    product: Samovar, folder: Path, round_trip: float, *, connections: int, letters: int, chunking: bool = False
) -> float:
    """Of the letters that so many connections carry when each waits one round trip for each letter."""
    with DistantSink(folder, round_trip, chunking=chunking) as sink:
        product.send(sink, connections=connections)
        first, last = sink.first(), sink.last()
    assert first is not None
    assert last is not None
    return letters / (last - first) / (connections / round_trip)


def at_a_distance(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """The share of K / round trip that is reached, counted between the first and the last accepted letter."""
    for round_trip in (0.02, 0.05):
        for connections in (10, 50):
            letters = int(connections / round_trip * 10)
            product = Samovar(folder, letters)
            shares = [
                share_of_a_round_trip(product, folder, round_trip, connections=connections, letters=letters)
                for _round in range(rounds(options, 3))
            ]
            what = f"share of K/RTT at {round_trip * 1000:.0f} ms, K={connections}"
            yield Row(what, median(shares), 0.95, 0.97, "")
    product = Samovar(folder, 4000)
    shares = [
        share_of_a_round_trip(product, folder, 0.05, connections=4, letters=4000, chunking=True)
        for _round in range(rounds(options, 3))
    ]
    yield Row("share of K/RTT at 50 ms, K=4, CHUNKING", median(shares), 4, 7)


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
                    f"peak memory, {size:,} recipients", result.cost.peak_mb, 75, 55, "MB", higher_is_better=False
                )


def with_a_cluster(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """What a worker adds."""
    for name, server, at_least, hope in (
        ("SQLite", no_server, 0.55, 0.4),
        ("PostgreSQL", durable_postgres, 1.1, 0.8),
    ):
        waits = []
        for number in range(rounds(options, 3)):
            with server() as url:
                waits.append(cluster.first_letter(folder / f"{name}-{number}", options.letters, url))
        say(f"  first letter, {name}: {', '.join(f'{wait:.2f}' for wait in waits)} s")
        what = f"first letter of {options.letters:,}, free worker, {name}"
        yield Row(what, median(waits), at_least, hope, "s", higher_is_better=False)
    yield Row("two mailings, two workers, 50 ms", cluster.side_by_side(folder, 6000), 1.9, 2)


@contextmanager
def no_server() -> Iterator[str]:
    """SQLite: a file of the product's own."""
    yield ""


def rounds(options: argparse.Namespace, usual: int) -> int:
    """How many of a part: `--rounds`, or what it takes for a median that stands."""
    return usual if options.rounds is None else int(options.rounds)


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
    parser.add_argument(
        "--rounds", type=int, help="how often each takes its turn (9 on loopback, 3 elsewhere; growth always once)"
    )
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
