"""Which batch, time, features and units the cases of a run have: any, chosen by the run's seed.

A run uses few of them: TensorFlow compiles kernels and traces for each size and gives none back.
The next run uses others. The sweeps (`test_sizes.py`) try every size whatever the seed is.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from tests.harness import session
from tests.harness.session import seed_of


@dataclass(frozen=True)
class Sizes:
    """The sizes of one dimension, in rising order. usual: those of most cases; large: those of few
    cases, since they cost more."""

    common: tuple[int, ...]
    large: tuple[int, ...]


ALWAYS_INCLUDED = (1, 2, 3)
"""In each run: most faults show there, and Hypothesis makes failing cases that small."""

RANGES = {
    # rows are independent, and cost an eager call nothing: each is one more case
    "batch": ((16, 64), 5, (65, 300), 2),
    "time": ((4, 12), 2, (13, 64), 2),
    "features": ((4, 32), 3, (33, 300), 3),
    "units": ((4, 32), 3, (33, 300), 3),
}
"""For each dimension the usual sizes beyond ALWAYS, how many of them, the large ones, how many."""

POWER_OF_TWO_WEIGHT = 4
"""How much likelier powers of two and their neighbours are: code changes its way there."""


def sizes_of_run(seed: int, factor: int = 1) -> Mapping[str, Sizes]:
    """The sizes of the run of that seed, by dimension; `more` times as many as usual."""
    found = {}
    for name, (usual, count, large, large_count) in RANGES.items():
        generator = random.Random(seed_of(f"{seed} {name}"))
        found[name] = Sizes(
            ALWAYS_INCLUDED + _log_uniform(generator, *usual, count * factor),
            _log_uniform(generator, *large, large_count * factor),
        )
    return found


@session.kept(maxsize=1)
def current() -> Mapping[str, Sizes]:
    """Return the sizes that the cases of this run have, by dimension."""
    run = session.current()
    return sizes_of_run(run.seed, factor=min(4, 1 + run.profile_examples // 100))


def _log_uniform(generator: random.Random, low: int, high: int, count: int) -> tuple[int, ...]:
    """Different sizes of low to high, each with a probability that falls as 1/size."""

    def rank(size: int) -> float:
        # The largest of these are a weighted sample (Efraimidis and Spirakis, IPL 97, 2006).
        near = any(abs(size - 2**k) <= 1 for k in range(2, 10))
        return generator.random() ** (size / (POWER_OF_TWO_WEIGHT if near else 1))

    drawn = sorted(range(low, high + 1), key=rank, reverse=True)
    return tuple(sorted(drawn[:count]))


def format_sizes(sizes: Mapping[str, Sizes]) -> str:
    """All sizes of a run in one line, for its header and for failures."""
    return "; ".join(
        f"{name} {' '.join(map(str, (*found.common, *found.large)))}"
        for name, found in sizes.items()
    )
