"""What it costs to list the workflows of a folder, as ratios to PyYAML's own parse of the same files.

    python -m tests.bench.load PATH [--workflows 500] [--rounds 3] [--profile]

Cold is with an empty cache, warm with a full one; each in a process of its own, which says how much of the processor
the listing took without the start of Python. Where the folder has fewer workflows, copies of its documents with many
workflows are read beside it. Run by hand: no test depends on time.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from arazzo_mcp.reading.documents import SUFFIXES, is_arazzo

_MANY: Final = 4
_MOST_COPIES: Final = 40

LIST = """
import sys, time
from pathlib import Path
from arazzo_mcp.app import catalog
from arazzo_mcp.library import Options, open_library
profile = None
if "--profile" in sys.argv:
    import cProfile
    profile = cProfile.Profile()
    profile.enable()
started = time.process_time()
library = open_library([Path(sys.argv[1])], Options())
tools = catalog(library).entries
seconds = time.process_time() - started
if profile:
    import pstats
    profile.disable()
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)
print(len(library.descriptions), len(tools), seconds)
"""

PARSE = """
import sys, time
from pathlib import Path
import yaml
files = sorted(f for s in ("*.yaml", "*.yml", "*.json") for f in Path(sys.argv[1]).rglob(s))
texts = [file.read_text(encoding="utf-8-sig") for file in files]
started = time.process_time()
for text in texts:
    try:
        yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError:
        continue
print(len(texts), sum(map(len, texts)), time.process_time() - started)
"""


def numbers(script: str, folder: Path, cache: Path, *flags: str) -> list[float]:
    """What a script prints, run in a process of its own with this cache."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-c", script, str(folder), *flags]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def multiplied(path: Path, target: Path, workflows: int) -> int:
    """A copy of a folder, and copies of its documents with many workflows until there are enough; how many copies."""
    documents = target / "documents"
    found = []
    for number in range(2):
        _copy(path, documents / f"copy{number}", number)
        found.append(numbers(LIST, documents, target / "cache")[1])
    more = max(0.0, workflows - found[1]) / max(1.0, found[1] - found[0])
    copies = min(_MOST_COPIES, 2 + math.ceil(more))
    for number in range(2, copies):
        _copy(path, documents / f"copy{number}", number)
    return copies


def _copy(path: Path, target: Path, number: int) -> None:
    """The texts of each copy differ, so that no cache knows them."""
    shutil.copytree(path, target)
    for file in (f for suffix in SUFFIXES for f in target.rglob(f"*{suffix}")):
        file.chmod(0o644)
        text = file.read_text(encoding="utf-8-sig")
        if number and is_arazzo(file) and text.count("workflowId") < _MANY:
            file.unlink()
        else:
            file.write_text(f"{text}\n" + " " * number, encoding="utf-8")


def measure(path: Path, workflows: int, rounds: int, *, profile: bool) -> None:
    """Print seconds and ratios; the best of several rounds that take turns."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        copies = multiplied(path, target, workflows)
        documents, flags = target / "documents", ["--profile"] if profile else []
        parsed, cold, warm = [], [], []
        for number in range(rounds):
            files, characters, seconds = numbers(PARSE, documents, target / "none")
            parsed.append(seconds)
            cache = target / f"cache{number}"
            cold.append(numbers(LIST, documents, cache, *flags)[2])
            described, tools, seconds = numbers(LIST, documents, cache, *flags)
            warm.append(seconds)
    sys.stdout.write(
        f"{described:.0f} documents, {tools:.0f} workflows, {files:.0f} files, {characters / 1e6:.1f} MB "
        f"({copies} copies)\n"
        f"PyYAML's C parser, all files: {min(parsed):.2f} s\n"
        f"listed cold: {min(cold):.2f} s, ratio {min(cold) / min(parsed):.2f}\n"
        f"listed warm: {min(warm):.2f} s, ratio {min(warm) / min(parsed):.2f}\n"
    )


def main() -> None:
    """The command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("path", type=Path, metavar="PATH")
    parser.add_argument("--workflows", type=int, default=500, help="at least so many, by copying")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="the top costs on stderr")
    given = parser.parse_args()
    measure(given.path, given.workflows, given.rounds, profile=given.profile)


if __name__ == "__main__":
    main()
