"""Plans, which are cases without values, and the choices of plans."""

import functools
import itertools
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.harness.cases import sizes
from tests.harness.cases.case import CLIP, DEFAULTS, Case, noise

Choices = Mapping[str, tuple | Callable[[tuple], tuple]]
"""What to draw each part of a case from, or a function that narrows what it is drawn from."""

OPTIONS: dict[str, tuple] = {
    "large": (*(None,) * 12, *("units", "batch", "features") * 2, "time"),
    "dtype": ("float32", "float64", "float16", "bfloat16"),
    "activation": ("tanh", "relu", "sigmoid", None, "softsign", "elu"),
    "use_bias": (True, False),
    "initial_state": (False, True),
    "mask": (None, None, "random", "leading", "trailing", "inner", "all", "none"),
    "go_backwards": (False, True),
    "zero_output_for_mask": (False, True),
    "leave_defaults": (True, False),
    "magnitude": ("one", "any"),
}
"""The choices of a plan except sizes, the simplest first: Hypothesis shrinks towards the first.
A choice that occurs twice is chosen twice as often: most layers have no mask. large: the dimension
with one of the run's large sizes. A long sequence costs the most, so it is rarer."""


FLAGS = tuple(name for name, values in OPTIONS.items() if set(values) == {True, False})


DIMENSIONS = ("batch", "time", "features", "units")


INTEGER_ACTIVATIONS = {"activation": (CLIP, "relu", "linear", None)}
"""Activations that map integers to integers."""


CROSSED_OPTIONS = ("dtype", "go_backwards", "zero_output_for_mask")
"""Options tried in every combination in each run; most known bugs involve two of them."""


HALF_DTYPES = {"dtype": ("float16", "bfloat16")}
"""The compute dtypes of mixed policies."""


ALWAYS_MASKED = {"mask": tuple(m for m in OPTIONS["mask"] if m is not None)}


NEVER_MASKED = {"mask": (None,)}


UNIT_MAGNITUDE = {"magnitude": ("one",)}


def run_choices() -> dict[str, tuple]:
    """Return the choices of this run: its sizes, and all options."""
    chosen = {name: found.common for name, found in sizes.current().items()}
    # Most cases have many rows, and few have no row. Models and stateful layers reject an empty
    # batch; `non_empty` removes it for them.
    small, many = chosen["batch"][:3], chosen["batch"][3:]
    chosen["batch"] = (*small, *many, *many, 0)
    return {**chosen, **OPTIONS}


@dataclass(frozen=True)
class Plan:
    """A case without its values. mask: its kind, or None. initial_state: whether it is given."""

    batch: int
    time: int
    features: int
    units: int
    dtype: str
    activation: str | None
    use_bias: bool
    initial_state: bool
    mask: str | None
    go_backwards: bool
    zero_output_for_mask: bool
    leave_defaults: bool
    magnitude: str

    def case(self, seed: int, value_source: Callable) -> Case:
        """Return the case with the arrays that `value_source(plan, name, seed, shape)` returns."""
        B, T, F, n = self.batch, self.time, self.features, self.units

        def values(name, stream, *shape):
            return value_source(self, name, 8 * seed + stream, shape)

        return Case(
            inputs=values("inputs", 0, B, T, F),
            kernel=values("kernel", 1, F, n),
            recurrent_kernel=values("recurrent_kernel", 2, n, n),
            bias=values("bias", 3, n) if self.use_bias else None,
            initial_state=values("initial_state", 4, B, n) if self.initial_state else None,
            mask=None if self.mask is None else _mask(self.mask, 8 * seed + 5, B, T),
            dtype=self.dtype,
            activation=self.activation,
            go_backwards=self.go_backwards,
            zero_output_for_mask=self.zero_output_for_mask,
            leave_defaults=self.leave_defaults,
        )


def plan_from(choose: Callable[[str, tuple], Any], choices: Mapping[str, tuple]) -> Plan:
    """Return a plan; `choose(name, values)` chooses each of its entries from the choices."""
    # The number of draws does not depend on `large`, so that Hypothesis can shrink it to None.
    large = choose("large", choices["large"])
    sizes_of_run = sizes.current()
    chosen: dict[str, Any] = {
        name: choose(name, sizes_of_run[name].large if name == large else values)
        for name, values in choices.items()
        if name != "large"
    }
    return Plan(**chosen)


def _mask(kind: str, seed: int, batch: int, time: int) -> np.ndarray:
    """Return a mask (batch, time) whose rows differ; True marks an unmasked step."""
    if kind in ("all", "none"):
        return np.full((batch, time), kind == "none")
    if kind == "random":
        return noise(seed, (batch, time)) < 0.5
    step = np.arange(time)
    first = np.floor(noise(seed, (batch, 1)) * (time + 1))
    if kind == "leading":
        return step >= first
    if kind == "trailing":
        return step < first
    return np.abs(step - first) > 1


@functools.lru_cache(maxsize=256)
def plan_pool(choices: tuple, size: int, seed: int) -> tuple[Plan, ...]:
    """Return plans that use each choice of each option about equally often, in varied combinations.

    The values of an option depend only on the seed and on the choices of that option, and a small
    pool is the beginning of a large one. So properties with equal choices share layers and traces.
    """

    def entry(i, name, values):
        return column(name, values)[i]

    @functools.cache
    def column(name, values):
        return _balanced_sample(values, size, f"{seed} {_best_shuffle(seed)} {name}")

    pool = [plan_from(functools.partial(entry, i), dict(choices)) for i in range(size)]
    return tuple(_with_one_row(pool, dict(choices)["batch"]))


def _with_one_row(pool: list[Plan], batches: tuple) -> list[Plan]:
    """Return the pool with a batch of one row in the first plan that has no large batch: its trace
    differs from that of more rows, and a small pool would leave it to chance."""
    first = next((i for i, plan in enumerate(pool) if plan.batch in batches), None)
    if first is not None and 1 in batches:
        pool[first] = replace(pool[first], batch=1)
    return pool


@functools.lru_cache
def _best_shuffle(seed: int) -> int:
    """Return the shuffle, of 100, whose first plans combine the most pairs of choices.

    A pool is small, and a run never tries two choices together that no plan of the pool combines.
    """

    def column(shuffle: int, name: str) -> list:
        return _balanced_sample(OPTIONS[name], 16, f"{seed} {shuffle} {name}")

    def pair_count(shuffle: int) -> int:
        columns = [column(shuffle, name) for name in ("dtype", *FLAGS)]
        columns.append([mask is None for mask in column(shuffle, "mask")])
        return sum(
            len(set(zip(one[:count], other[:count], strict=True)))
            for one, other in itertools.combinations(columns, 2)
            for count in (4, 8, 16)
        )

    return max(range(100), key=pair_count)


def _balanced_sample(values: tuple, count: int, seed: str) -> list:
    """Return `count` values: all of them in a random order, then again in another order, ..."""
    generator = random.Random(seed)
    found: list = []
    while len(found) < count:
        found += generator.sample(values, len(values))
    return found[:count]


def non_empty(batches: tuple) -> tuple:
    """Return the batch sizes above 0: models and stateful layers reject an empty batch."""
    return tuple(batch for batch in batches if batch)


def several(sizes: tuple) -> tuple:
    """The choices of a size without zero and one."""
    return tuple(size for size in sizes if size > 1)


def narrowed_choices(*many_choices: Mapping) -> dict[str, tuple]:
    """Return all choices of the run, replaced by the first choices and narrowed to the others.

    An entry of `many_choices` is a tuple of choices, or a function from the present choices of the
    option to the remaining ones.
    """
    found = run_choices()
    for i, choices in enumerate(many_choices):
        for name, values in choices.items():
            if callable(values):
                found[name] = values(found[name])
            elif i == 0:
                found[name] = values
            else:
                found[name] = tuple(value for value in found[name] if value in values)
    return found


def without_features(
    choices: Mapping[str, tuple], unsupported: Collection[str]
) -> dict[str, tuple]:
    """Return the choices with each unsupported option at its default."""
    absent = {"mask": None, "initial_state": False}
    return {
        name: (absent.get(name, DEFAULTS.get(name)),) if name in unsupported else values
        for name, values in choices.items()
    }
