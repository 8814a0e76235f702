"""The ways in which lives are killed, as a table: the short form and the long form differ in numbers only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.crash.verdict import Verdict
from tests.crash.world import Plan, play, stage

BOUNDARIES: Final = 48
"""Two runs that start and end undisturbed, and those of the lives before, pass about so many boundaries."""

_KILLS_OF_A_WORLD: Final = 12


@dataclass(frozen=True)
class Mode:
    """A way to kill. plans: the worlds for so many kills; faults: the share of the provider's answers that fail."""

    about: str
    plans: Callable[[int], list[Plan]]
    faults: float = 0.0


def _sweep(kills: int) -> list[Plan]:
    """Lives die at boundary 1, 2, 3 and so on, several times over."""
    numbers = [number % BOUNDARIES + 1 for number in range(kills)]
    parts = [tuple(numbers[at : at + _KILLS_OF_A_WORLD]) for at in range(0, kills, _KILLS_OF_A_WORLD)]
    return [Plan(len(part), runs=2, boundaries=part) for part in parts]


def _worlds(kills: int, **more: int | bool | str) -> list[Plan]:
    sizes = [min(_KILLS_OF_A_WORLD, kills - at) for at in range(0, kills, _KILLS_OF_A_WORLD)]
    return [Plan(size, **more) for size in sizes]  # type: ignore[arg-type]


MODES: Final[dict[str, Mode]] = {
    "boundaries": Mode("one process, killed at every boundary in turn", _sweep),
    "one": Mode("one process, killed at any time, with cancels", lambda n: _worlds(n, cancels=1)),
    "two": Mode("two processes on one store, with cancels", lambda n: _worlds(n, processes=2, runs=2, cancels=1)),
    "four": Mode("four processes on one store, with cancels", lambda n: _worlds(n, processes=4, runs=2, cancels=1)),
    "keys": Mode(
        "two processes, with cancels, and submits that carry a key",
        lambda n: _worlds(n, processes=2, cancels=1, only="paid-once"),
    ),
    "failing": Mode(
        "two processes, and a provider that fails",
        lambda n: _worlds(n, processes=2, runs=2, cancels=1, faults=True),
        0.08,
    ),
    "stopped": Mode(
        "four processes that are stopped, go on and are stopped again",
        lambda n: _worlds(n, processes=4, runs=5, cancels=1, stops=True),
    ),
}


async def mode(name: str, kills: int, seed: int) -> Verdict:
    """Play one mode."""
    chosen = MODES[name]
    async with stage(faults=chosen.faults, seed=seed) as on:
        return await play(on, chosen.plans(kills), seed)
