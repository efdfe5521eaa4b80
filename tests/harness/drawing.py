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
import math
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from reference.rounding import FORMATS
from tests.harness import layer
from tests.harness.cases import Case, formula, noise, replace
from tests.harness.layer import CLIP

CHOICES: dict[str, tuple] = {
    "batch": (*(1, 2, 3, 5, 8) * 2, 0),
    "time": (1, 2, 3, 4, 7),
    "features": (1, 2, 3, 5, 8),
    "units": (1, 2, 3, 5, 8),
    "large": (*(None,) * 12, *("units", "batch", "features") * 2, "time"),
    "dtype": ("float32", "float64", "float16", "bfloat16"),
    "activation": ("tanh", "relu", "sigmoid", None, "softsign", "elu"),
    "use_bias": (True, False),
    "initial_state": (False, True),
    "mask": (None, None, "random", "leading", "trailing", "inner", "all", "none"),
    "go_backwards": (False, True),
    "zero_output_for_mask": (False, True),
    "leave_defaults": (True, False),
}
"""What a plan chooses from, simplest first: Hypothesis shrinks towards the first. What stands twice
is chosen twice as often: most layers have no mask. A long sequence costs more than all else, and is
rarer. The sizes are few: oneDNN compiles each kind of product anew and keeps 300 KB of it."""

FLAGS = tuple(name for name, values in CHOICES.items() if set(values) == {True, False})

LARGE: dict[str, tuple] = {
    "units": (17, 130),
    "time": (17, 33),
    "batch": (17, 260),
    "features": (17, 130),
}
"""Sizes beyond what small draws see: code changes its way with size."""

EXACT = {"activation": (CLIP, "relu", "linear", None)}
"""Activations under which integers stay integers."""

MEETING = ("dtype", "go_backwards", "zero_output_for_mask")
"""Options that meet in all combinations in each run, mostly under a mask: where bugs stand."""

HALF = {"dtype": ("float16", "bfloat16")}
"""The dtypes that a mixed policy computes in."""

ALWAYS_MASKED = {"mask": tuple(m for m in CHOICES["mask"] if m is not None)}
NEVER_MASKED = {"mask": (None,)}


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
    chosen = {
        name: choose(name, LARGE[name] if name == large else values)
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


def integers_up_to(largest: int, dense: bool) -> Callable:
    """Integers up to `largest` in magnitude; not dense: one in each column of U, so that
    |h U| <= largest |h| and a linear layer stays exact for long."""

    def values(plan: Plan, name: str, seed: int, shape: tuple) -> np.ndarray:
        bound = largest if plan.dtype in ("float32", "float64") else 1
        text = f"np.floor(noise({seed}, {shape}) * {2 * bound + 1}) - {bound}"
        if name == "recurrent_kernel" and not dense:
            n = plan.units
            row = f"np.floor(noise({seed}, ({n},)) * {n})"
            text = f"np.where(np.arange({n})[:, None] == {row}, np.sign({text}), 0)"
        return formula(text)

    return values


def floats(scale: float, gain: float) -> Callable:
    """Uniform numbers: inputs and biases up to `scale`, each kernel with rows of norm `gain`."""

    def values(plan: Plan, name: str, seed: int, shape: tuple) -> np.ndarray:
        size = gain * (3 / shape[0]) ** 0.5 if name.endswith("kernel") else scale
        return formula(f"(2 * noise({seed}, {shape}) - 1) * {size:.6g}")

    return values


def kept_exact(case: Case) -> Case:
    """The case, cut short before the first step at which a sum is no longer exact in its dtype."""
    if case.activation == CLIP or case.batch == 0:
        return case
    r = case.recurrence
    start = np.zeros((case.batch, case.units))
    start = np.abs(start if case.initial_state is None else case.initial_state)[:, None]
    before = np.repeat(start, case.time, axis=1)
    # With the mask and without: a mask may take out the step that would have cancelled another.
    for mask in (None, case.mask):
        carrying = dataclasses.replace(r, zero_output_for_mask=False)
        outputs, _ = carrying.run(case.inputs, case.initial_state, mask)
        before[:, 1:] = np.maximum(before[:, 1:], np.abs(outputs[:, :-1]))
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.abs(r.in_order(case.inputs)) @ np.abs(r.kernel)
        size = size + np.abs(before) @ np.abs(r.recurrent_kernel)
        size = size + (0 if r.bias is None else np.abs(r.bias))
        exact = np.all(size < FORMATS[case.dtype].integers, axis=(0, 2))
    steps = case.time if exact.all() else max(1, int(np.argmin(exact)))
    if steps == case.time:
        return case
    kept = slice(case.time - steps, None) if case.go_backwards else slice(steps)
    mask = None if case.mask is None else case.mask[:, kept]
    return replace(case, inputs=case.inputs[:, kept], mask=mask)


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

    A pool is small, and the same in each run: what does not meet there is never tried together.
    """

    def meetings(shuffle: int) -> int:
        columns = [
            _in_turns(CHOICES[name], 16, f"{seed} {shuffle} {name}") for name in ("dtype", *FLAGS)
        ]
        columns.append(
            [mask is None for mask in _in_turns(CHOICES["mask"], 16, f"{seed} {shuffle} mask")]
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


usual_examples: float = math.inf
"""The profile's own number of examples. Pools are of a size for it: more examples fill them with
more values, and make no more traces. What TensorFlow has compiled it never gives back, nor what
oneDNN has for a product of its size."""

pool_seed = 0
"""Which plans the pools hold; set with Hypothesis's seed, so that fresh seeds see fresh plans."""


def lacked() -> frozenset[str]:
    """The choices for which the layer under test has no option and no argument."""
    known = CHOICES.keys() & {*layer.OPTIONS, *layer.CALL_ARGUMENTS}
    return frozenset(known - layer.under_test().features)


@st.composite
def cases(
    draw,
    choices: Mapping[str, tuple],
    lacks: Collection[str] = (),
    integers: bool = False,
    plans: int | None = None,
    sizes: int | None = None,
) -> Case:
    """A strategy of cases.

    choices: replaces entries of CHOICES. lacks: features that the layer or the path has not.
    integers: whether all values are integers and every sum is exact. plans: the size of the pool
    that plans come from; None draws them freely. sizes: the size of the pool that the sizes of free
    plans come from; None draws them freely, too.
    """
    allowed = _allowed(choices, lacks)

    def one_of(count):
        return draw(st.sampled_from(pool(tuple(allowed.items()), count, pool_seed)))

    if plans is not None:
        plan = one_of(plans)
    else:
        fixed = {}
        if sizes is not None:
            like = one_of(sizes)
            fixed = {"large": None, **{name: getattr(like, name) for name in LARGE}}
        plan = _plan(
            lambda name, values: fixed[name] if name in fixed else draw(st.sampled_from(values)),
            allowed,
        )
    seed = draw(st.integers(0, 9999))
    if integers:
        values = integers_up_to(draw(st.sampled_from((1, 2, 3))), draw(st.booleans()))
        return kept_exact(plan.case(seed, values))
    scale = draw(st.sampled_from((1.0, 0.1, 6.0)))
    return plan.case(seed, floats(scale, draw(st.sampled_from((1.0, 0.3, 3.0)))))


_SMALL = Plan(2, 3, 3, 4, "float32", "tanh", True, True, None, False, False, True)


def _corner(values: Callable, **changes) -> Case:
    return dataclasses.replace(_SMALL, **changes).case(1, values)


def corners(integers: bool) -> dict[str, Case]:
    """The cases that every run tries, by the class of bug that each is there for."""
    dense = integers_up_to(2, dense=True)
    if integers:
        return {
            "right only up to 256 units": _corner(dense, units=260, activation=CLIP),
            "right only up to 32 steps": _corner(dense, time=40, batch=1, activation=CLIP),
            "right only up to 256 rows": _corner(
                dense, batch=260, activation="relu", use_bias=False
            ),
            "right for one step": _corner(dense, time=1, batch=1, activation="relu"),
            "right only up to 256 features": _corner(dense, features=260, activation=CLIP),
            "a row without an unmasked step": _corner(dense, mask="all", activation=CLIP),
            "no state before the first unmasked step": _corner(
                dense, mask="leading", activation=CLIP, go_backwards=True, time=6
            ),
        }
    unit = floats(1.0, 1.0)
    small = _corner(unit, features=4)
    return {
        "an activation that saturates": _corner(floats(30.0, 1.0)),
        "a kernel beyond the range of its activation": _corner(floats(1e30, 1.0)),
        "numbers far below one": _corner(floats(1e-9, 1.0)),
        "subnormal numbers": _corner(floats(1e-39, 1.0), activation="linear"),
        "a bound that chaos breaks": _corner(floats(1.0, 4.0), time=40, batch=1),
        "cancellation": replace(
            small,
            initial_state=small.inputs[:, 0],
            recurrent_kernel=-small.kernel,
            dtype="float64",
        ),
        "right only up to 256 units": _corner(unit, units=260, features=260),
        "right only up to 65504": _corner(floats(1e6, 1.0), dtype="bfloat16", activation="linear"),
        "right only in float32": _corner(
            unit, dtype="float64", batch=17, time=2, features=130, units=130
        ),
    }


def covering(
    choices: Mapping[str, tuple], lacks: Collection[str], names: Collection[str]
) -> dict[str, Case]:
    """A case for each combination of the named choices, its other options drawn at random."""
    allowed = _allowed(choices, lacks)
    generator = random.Random(pool_seed)
    found = {}
    for values in itertools.product(*(allowed[name] for name in names)):
        fixed = dict(zip(names, values, strict=True))
        plan = _plan(
            lambda name, given, fixed=fixed: fixed.get(name, generator.choice(given)), allowed
        )
        found[" ".join(map(str, values))] = plan.case(1, floats(3.0, 1.0))
    return found


def narrowed(choices: Mapping[str, tuple], to: Mapping[str, tuple]) -> dict[str, tuple]:
    """The choices, with nothing but the given values for the options that `to` names."""
    kept = {
        name: tuple(v for v in choices.get(name, CHOICES[name]) if v in values)
        for name, values in to.items()
    }
    return {**choices, **kept}


def _allowed(choices: Mapping[str, tuple], lacks: Collection[str]) -> dict[str, tuple]:
    """The choices of each option where some are replaced and some features are missing."""
    without = {"mask": None, "initial_state": False}
    defaults = {name: (without.get(name, layer.OPTIONS.get(name)),) for name in lacks}
    return {name: defaults.get(name, choices.get(name, CHOICES[name])) for name in CHOICES}


def certain(choices: Mapping[str, tuple], lacks: Collection[str]) -> dict[str, object]:
    """What any case of these choices has in its summary, as far as options decide it."""
    facts = {
        name: {v is not None for v in values} if name == "mask" else set(values)
        for name, values in _allowed(choices, lacks).items()
        if name not in ("large", *LARGE)
    }
    return {name: values.pop() for name, values in facts.items() if len(values) == 1}


def fits(case: Case, choices: Mapping[str, tuple], lacks: Collection[str]) -> bool:
    """Whether a strategy of these choices could have drawn that case, its sizes aside."""
    has = {
        "mask": case.mask is not None,
        "initial_state": case.initial_state is not None,
        "go_backwards": case.go_backwards,
        "zero_output_for_mask": case.zero_output_for_mask,
        "use_bias": case.bias is None,
    }
    if any(has.get(name, False) for name in lacks):
        return False
    wanted = {"dtype": case.dtype, "activation": case.activation}
    if any(value not in choices.get(name, (value,)) for name, value in wanted.items()):
        return False
    possible = {"mask", "initial_state", "go_backwards"} & set(choices)
    return all(has[name] in {bool(v) for v in choices[name]} for name in possible)
