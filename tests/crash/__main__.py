"""The long form of the crash harness.

python -m tests.crash --kills 3000 [--only boundaries,four] [--seed 7]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.crash.modes import MODES, mode
from tests.crash.verdict import Verdict


async def _main(kills: int, names: list[str], seed: int) -> Verdict:
    together = Verdict()
    for name in names:
        started = time.monotonic()
        verdict = await mode(name, max(1, kills // len(names)), seed)
        sys.stdout.write(f"--- {name}: {MODES[name].about} ({time.monotonic() - started:.0f} s)\n")
        sys.stdout.writelines(f"{line}\n" for line in verdict.lines())
        sys.stdout.flush()
        together.add(verdict)
    return together


def main() -> None:
    """Print a report for each mode and one for all; exit status 1 where something was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description="Kill servers while runs are in flight.")
    parser.add_argument("--kills", type=int, default=3000, help="in all (3000)")
    parser.add_argument("--only", default=",".join(MODES), help="which modes, by comma (all)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="to play the same again")
    given = parser.parse_args()
    verdict = asyncio.run(_main(given.kills, given.only.split(","), given.seed))
    sys.stdout.write(f"--- all, seed {given.seed}\n")
    sys.stdout.writelines(f"{line}\n" for line in verdict.lines())
    sys.exit(1 if verdict.violations else 0)


if __name__ == "__main__":
    main()
