"""The sizes of the cases of a run: batch, time, features and units, chosen by the run's seed.

A run uses few sizes, because TensorFlow never frees the kernels and traces of a size. Another seed
chooses other sizes. The sweeps (`test_sizes.py`) try every size with any seed.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from tests.harness import session
from tests.harness.session import seed_of


@dataclass(frozen=True)
class Sizes:
    """The sizes of one dimension, in rising order.

    common: those of most cases. large: those of few cases, because they cost more.
    """

    common: tuple[int, ...]
    large: tuple[int, ...]


ALWAYS_INCLUDED = (1, 2, 3)
"""Sizes of every run: most faults fail there, and Hypothesis shrinks failing cases to them."""

RANGES = {
    # Rows are independent and cost an eager call next to nothing: each row is one more case.
    "batch": ((16, 64), 5, (65, 300), 2),
    "time": ((4, 12), 2, (13, 64), 2),
    "features": ((4, 32), 3, (33, 300), 3),
    "units": ((4, 32), 3, (33, 300), 3),
}
"""For each dimension: the range and the number of its common sizes beyond ALWAYS_INCLUDED, and the
range and the number of its large sizes."""

POWER_OF_TWO_WEIGHT = 4
"""The factor by which powers of two and their neighbours are likelier: kernels switch their
algorithm there."""


def sizes_of_run(seed: int, factor: int = 1) -> Mapping[str, Sizes]:
    """Return the sizes of the run with that seed, by dimension; `factor` scales their number."""
    found = {}
    for name, (common, count, large, large_count) in RANGES.items():
        generator = random.Random(seed_of(f"{seed} {name}"))
        found[name] = Sizes(
            ALWAYS_INCLUDED + _log_uniform(generator, *common, count * factor),
            _log_uniform(generator, *large, large_count * factor),
        )
    return found


@session.kept(maxsize=1)
def current() -> Mapping[str, Sizes]:
    """Return the sizes that the cases of this run have, by dimension."""
    run = session.current()
    return sizes_of_run(run.seed, factor=min(4, 1 + run.profile_examples // 100))


def _log_uniform(generator: random.Random, low: int, high: int, count: int) -> tuple[int, ...]:
    """Return `count` different sizes from low to high, with probabilities of about 1/size."""

    def rank(size: int) -> float:
        # The sizes of the highest rank are a weighted sample (Efraimidis and Spirakis, IPL 97,
        # 2006).
        near = any(abs(size - 2**k) <= 1 for k in range(2, 10))
        return generator.random() ** (size / (POWER_OF_TWO_WEIGHT if near else 1))

    drawn = sorted(range(low, high + 1), key=rank, reverse=True)
    return tuple(sorted(drawn[:count]))


def format_sizes(sizes: Mapping[str, Sizes]) -> str:
    """Return all sizes of a run in one line, for its header and for failures."""
    return "; ".join(
        f"{name} {' '.join(map(str, (*found.common, *found.large)))}"
        for name, found in sizes.items()
    )
