"""The misbehaving mail server as a process: `python -m tests.smtp --log accepted.jsonl --fault dot/drop/bob@`.

Prints its port on the first line and serves until it is stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from tests.smtp.script import Chaos, Faults, Script, parse
from tests.smtp.server import EVERYTHING, Server


async def serve(arguments: argparse.Namespace) -> None:
    script: Script = Faults(arguments.fault)
    if arguments.chaos is not None:
        script = Chaos(arguments.chaos, arguments.rate)
    offers = (EVERYTHING | set(arguments.offering)) - set(arguments.without)
    settings = {"log": arguments.log, "delay": arguments.delay, "durable": not arguments.quick}
    async with Server(script=script, offers=offers, **settings) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True, help="the accept log, one line of JSON per letter")
    parser.add_argument("--fault", type=parse, action="append", default=[], help="phase/kind[/to[/times[/skip]]]")
    parser.add_argument("--chaos", type=int, metavar="SEED", help="random faults instead")
    parser.add_argument("--rate", type=float, default=0.02, help="of random faults, per step")
    parser.add_argument("--without", action="append", default=[], help="an extension not to offer")
    parser.add_argument("--quick", action="store_true", help="the log outlives this process, but no power cut")
    parser.add_argument("--offering", action="append", default=[], help="an extension to offer, too: CHUNKING")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds, of the fault `delay`")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
