"""Plans: a case without its values, and the choices that plans are drawn from."""

import functools
import itertools
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from tests.harness.cases import sizes
from tests.harness.cases.case import CLIP, DEFAULTS, Case, noise

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
"""What a plan chooses from beside its sizes, simplest first: Hypothesis shrinks towards the first.
What stands twice is chosen twice as often: most layers have no mask. large: the dimension that has
one of the run's large sizes; a long sequence costs more than all else, and is rarer."""


FLAGS = tuple(name for name, values in OPTIONS.items() if set(values) == {True, False})


DIMENSIONS = ("batch", "time", "features", "units")


INTEGER_ACTIVATIONS = {"activation": (CLIP, "relu", "linear", None)}
"""Activations under which integers stay integers."""


CROSSED_OPTIONS = ("dtype", "go_backwards", "zero_output_for_mask")
"""Options that meet in all combinations in each run, mostly under a mask: where bugs stand."""


HALF_DTYPES = {"dtype": ("float16", "bfloat16")}
"""The dtypes that a mixed policy computes in."""


ALWAYS_MASKED = {"mask": tuple(m for m in OPTIONS["mask"] if m is not None)}


NEVER_MASKED = {"mask": (None,)}


UNIT_MAGNITUDE = {"magnitude": ("one",)}


def run_choices() -> dict[str, tuple]:
    """The choices of this run: its sizes, and all options."""
    chosen = {name: found.common for name, found in sizes.current().items()}
    # Most cases have many rows; few have none. Models and stateful layers take no empty batch.
    small, many = chosen["batch"][:3], chosen["batch"][3:]
    chosen["batch"] = (*small, *many, *many, 0)
    return {**chosen, **OPTIONS}


@dataclass(frozen=True)
class Plan:
    """A case without its values. `mask` is its kind, `initial_state` whether there is one."""

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
        """The case with the values that `value_source(plan, name, seed, shape)` gives."""
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


def plan_from(choose: Callable[[str, tuple], object], choices: Mapping[str, tuple]) -> Plan:
    """Return the plan that `choose(name, values)` makes of the choices."""
    # As many draws with a large size as without, so that Hypothesis can do without it.
    large = choose("large", choices["large"])
    sizes_of_run = sizes.current()
    chosen = {
        name: choose(name, sizes_of_run[name].large if name == large else values)
        for name, values in choices.items()
        if name != "large"
    }
    return Plan(**chosen)


def _mask(kind: str, seed: int, batch: int, time: int) -> np.ndarray:
    """Masks (batch, time) that differ from row to row; True is a step that is used."""
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
    """Plans in which each choice of each option stands about equally often, in varied company.

    What is chosen depends on the seed and on the option's own choices alone, and a small pool is
    the beginning of a large one: properties of like choices have layers and traces in common.
    """

    @functools.cache
    def column(name, values):
        return _in_turns(values, size, f"{seed} {_shuffle(seed)} {name}")

    return tuple(
        plan_from(lambda name, values, i=i: column(name, values)[i], dict(choices))
        for i in range(size)
    )


@functools.lru_cache
def _shuffle(seed: int) -> int:
    """Of some shuffles the one in which the most choices of two options meet in the first plans.

    A pool is small: what does not meet there is never tried together in that run.
    """

    def meetings(shuffle: int) -> int:
        columns = [
            _in_turns(OPTIONS[name], 16, f"{seed} {shuffle} {name}") for name in ("dtype", *FLAGS)
        ]
        columns.append(
            [mask is None for mask in _in_turns(OPTIONS["mask"], 16, f"{seed} {shuffle} mask")]
        )
        return sum(
            len(set(zip(one[:count], other[:count], strict=True)))
            for one, other in itertools.combinations(columns, 2)
            for count in (4, 8, 16)
        )

    return max(range(100), key=meetings)


def _in_turns(values: tuple, count: int, seed: str) -> list:
    """All the values in a random order, and again in another one, until there are enough."""
    generator, found = random.Random(seed), []
    while len(found) < count:
        found += generator.sample(values, len(values))
    return found[:count]


def non_empty(batches: tuple) -> tuple:
    """The choices of a batch without the empty one, which models and stateful layers refuse."""
    return tuple(batch for batch in batches if batch)


def narrowed_choices(*many_choices: Mapping) -> dict[str, tuple]:
    """All choices of the run, replaced and then narrowed to each of these, one after the other: a
    tuple for what is left of an option, or a function of what there is."""
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
    """The choices of each option where some features are missing."""
    absent = {"mask": None, "initial_state": False}
    return {
        name: (absent.get(name, DEFAULTS.get(name)),) if name in unsupported else values
        for name, values in choices.items()
    }
