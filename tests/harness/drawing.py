"""Drawing cases.

A case is drawn in two steps. First its plan: sizes, dtype and options, a handful of small choices.
Then its values, each array from a seed by `noise`, in which an element depends on the seed and on
its own indices alone: a case keeps its values while Hypothesis shrinks its sizes, drawing costs a
tenth of drawing elements one by one, and a large array prints as the formula that made it.

A path that must trace or compile for each plan draws from a small pool of plans, in which every
choice stands about equally often, and then draws values for them without end.
"""

import dataclasses
import functools
import itertools
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from tests.harness import layer, session
from tests.harness.cases import Case, noise, replace
from tests.harness.layer import CLIP
from tests.harness.values import Scales, floats, integers, kept_exact, scaled, scales

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

EXACT = {"activation": (CLIP, "relu", "linear", None)}
"""Activations under which integers stay integers."""

MEETING = ("dtype", "go_backwards", "zero_output_for_mask")
"""Options that meet in all combinations in each run, mostly under a mask: where bugs stand."""

HALF = {"dtype": ("float16", "bfloat16")}
"""The dtypes that a mixed policy computes in."""

ALWAYS_MASKED = {"mask": tuple(m for m in OPTIONS["mask"] if m is not None)}
NEVER_MASKED = {"mask": (None,)}
ABOUT_ONE = {"magnitude": ("one",)}


def all_choices() -> dict[str, tuple]:
    """The choices of this run: its sizes, and all options."""
    chosen = {name: found.usual for name, found in session.current().sizes.items()}
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

    def case(self, seed: int, draw_values: Callable) -> Case:
        """The case with the values that `draw_values(plan, name, seed, shape)` gives."""
        B, T, F, n = self.batch, self.time, self.features, self.units

        def values(name, stream, *shape):
            return draw_values(self, name, 8 * seed + stream, shape)

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


def _plan(choose: Callable[[str, tuple], object], choices: Mapping[str, tuple]) -> Plan:
    # As many draws with a large size as without, so that Hypothesis can do without it.
    large = choose("large", choices["large"])
    sizes = session.current().sizes
    chosen = {
        name: choose(name, sizes[name].large if name == large else values)
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
def pool(choices: tuple, size: int, seed: int) -> tuple[Plan, ...]:
    """Plans in which each choice of each option stands about equally often, in varied company.

    What is chosen depends on the seed and on the option's own choices alone, and a small pool is
    the beginning of a large one: properties of like choices have layers and traces in common.
    """

    @functools.cache
    def column(name, values):
        return _in_turns(values, size, f"{seed} {_shuffle(seed)} {name}")

    return tuple(
        _plan(lambda name, values, i=i: column(name, values)[i], dict(choices)) for i in range(size)
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


def lacked() -> frozenset[str]:
    """The choices for which the layer under test has no option and no argument."""
    known = OPTIONS.keys() & {*layer.OPTIONS, *layer.CALL_ARGUMENTS}
    return frozenset(known - layer.under_test().features)


@st.composite
def cases(
    draw,
    choices: Mapping[str, tuple],
    of_integers: bool = False,
    plans: int | None = None,
    any_shape: bool = False,
) -> Case:
    """A strategy of cases.

    choices: for each entry of `all_choices` what is left of it. of_integers: whether all values are
    integers, but for a power of two, and every sum is exact. plans: the size of the pool that plans
    come from; None draws them freely. any_shape: whether batch and time are drawn freely all the
    same.
    """
    if plans is None:
        plan = _plan(lambda name, values: draw(st.sampled_from(values)), choices)
    else:
        seed = session.current().seed
        plan = draw(st.sampled_from(pool(tuple(choices.items()), plans, seed)))
        if any_shape:
            sizes = {name: draw(st.sampled_from(choices[name])) for name in ("batch", "time")}
            plan = dataclasses.replace(plan, **sizes)
    seed = draw(st.integers(0, 9999))
    chosen = draw(scales(plan, of_integers))
    if of_integers:
        values = integers(draw(st.sampled_from((1, 2, 3))), draw(st.booleans()), chosen)
        return scaled(kept_exact(plan.case(seed, values)), chosen)
    return plan.case(seed, floats(chosen, draw(st.sampled_from((1.0, 0.3, 3.0)))))


_SMALL = {
    "batch": 2,
    "time": 3,
    "features": 3,
    "units": 4,
    "dtype": "float32",
    "activation": "tanh",
    "use_bias": True,
    "initial_state": True,
    "mask": None,
    "go_backwards": False,
    "zero_output_for_mask": False,
    "leave_defaults": True,
    "magnitude": "one",
}

_DENSE, _UNIT = integers(2, dense=True), floats()
CORNERS: dict[bool, dict[str, tuple[Callable, dict]]] = {
    True: {
        "right only up to 256 units": (_DENSE, {"units": 260, "activation": CLIP}),
        "right only up to 32 steps": (_DENSE, {"time": 40, "batch": 1, "activation": CLIP}),
        "right only up to 256 rows": (
            _DENSE,
            {"batch": 260, "activation": "relu", "use_bias": False},
        ),
        "right for one step": (_DENSE, {"time": 1, "batch": 1, "activation": "relu"}),
        "right only up to 256 features": (_DENSE, {"features": 260, "activation": CLIP}),
        "a row without an unmasked step": (_DENSE, {"mask": "all", "activation": CLIP}),
        "no state before the first unmasked step": (
            _DENSE,
            {"mask": "leading", "activation": CLIP, "go_backwards": True, "time": 6},
        ),
    },
    False: {
        "an activation that saturates": (floats(Scales(inputs=5, sums=5)), {}),
        "a kernel beyond the range of its activation": (floats(Scales(inputs=100, sums=100)), {}),
        "numbers far below one": (floats(Scales(inputs=-30, sums=-30)), {}),
        "subnormal numbers": (floats(Scales(inputs=-129, sums=-129)), {"activation": "linear"}),
        "a bound that chaos breaks": (floats(gain=4.0), {"time": 40, "batch": 1}),
        "cancellation": (_UNIT, {"features": 4, "initial_state": True, "dtype": "float64"}),
        "right only up to 256 units": (_UNIT, {"units": 260, "features": 260}),
        "right only up to 65504": (
            floats(Scales(inputs=20, sums=20)),
            {"dtype": "bfloat16", "activation": "linear"},
        ),
        "right only in float32": (
            _UNIT,
            {"dtype": "float64", "batch": 17, "time": 2, "features": 130, "units": 130},
        ),
    },
}
"""The cases that every run tries beside the drawn ones, by the class of bug that each is there for:
their values, and what their plan has other than `_SMALL`."""


def corners(choices: Mapping[str, tuple], of_integers: bool) -> Iterator[Case]:
    """The corners that are among these choices, sizes aside; what a corner does not name is the
    simplest that the choices have."""
    options = choices.keys() - {"large", *DIMENSIONS}
    for what, (values, named) in CORNERS[of_integers].items():
        plan = {**_SMALL, **named}
        if any(plan[name] not in choices[name] for name in options & named.keys()):
            continue
        plan |= {name: choices[name][0] for name in options if plan[name] not in choices[name]}
        case = Plan(**plan).case(1, values)
        if what == "cancellation":
            state = case.inputs[:, 0]
            case = replace(case, initial_state=state, recurrent_kernel=-case.kernel)
        yield case


def covering(choices: Mapping[str, tuple], names: Collection[str]) -> Iterator[Case]:
    """A case for each combination of the named choices, its other options drawn at random."""
    generator = random.Random(session.current().seed_of("covering"))
    for values in itertools.product(*(dict.fromkeys(choices[name]) for name in names)):
        fixed = dict(zip(names, values, strict=True))
        plan = _plan(
            lambda name, given, fixed=fixed: fixed.get(name, generator.choice(given)), choices
        )
        yield plan.case(1, floats(Scales(sums=2)))


def not_empty(batches: tuple) -> tuple:
    """The choices of a batch without the empty one, which models and stateful layers refuse."""
    return tuple(batch for batch in batches if batch)


def replaced(*many_choices: Mapping) -> dict[str, tuple]:
    """All choices of the run, replaced and then narrowed to each of these, one after the other: a
    tuple for what is left of an option, or a function of what there is."""
    found = all_choices()
    for i, choices in enumerate(many_choices):
        for name, values in choices.items():
            if callable(values):
                found[name] = values(found[name])
            elif i == 0:
                found[name] = values
            else:
                found[name] = tuple(value for value in found[name] if value in values)
    return found


def without(choices: Mapping[str, tuple], lacks: Collection[str]) -> dict[str, tuple]:
    """The choices of each option where some features are missing."""
    absent = {"mask": None, "initial_state": False}
    return {
        name: (absent.get(name, layer.OPTIONS.get(name)),) if name in lacks else values
        for name, values in choices.items()
    }
