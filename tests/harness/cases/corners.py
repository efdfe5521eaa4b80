"""Named cases that every run tries in addition to the drawn cases."""

import functools
import itertools
import random
from collections.abc import Callable, Collection, Iterator, Mapping

from tests.harness import session
from tests.harness.cases.case import CLIP, Case, replace
from tests.harness.cases.plans import DIMENSIONS, Plan, plan_from
from tests.harness.cases.values import Scales, float_values, integer_values

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


_DENSE, _UNIT = integer_values(2, dense=True), float_values()


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
        "an activation that saturates": (float_values(Scales(inputs=5, sums=5)), {}),
        "a kernel beyond the range of its activation": (
            float_values(Scales(inputs=100, sums=100)),
            {},
        ),
        "numbers far below one": (float_values(Scales(inputs=-30, sums=-30)), {}),
        "subnormal numbers": (
            float_values(Scales(inputs=-129, sums=-129)),
            {"activation": None},
        ),
        "a bound that chaos breaks": (float_values(gain=4.0), {"time": 40, "batch": 1}),
        "cancellation": (_UNIT, {"features": 4, "initial_state": True, "dtype": "float64"}),
        "right only up to 256 units": (_UNIT, {"units": 260, "features": 260}),
        "right only up to 65504": (
            float_values(Scales(inputs=20, sums=20)),
            {"dtype": "bfloat16", "activation": None},
        ),
        "right only in float32": (
            _UNIT,
            {"dtype": "float64", "batch": 17, "time": 2, "features": 130, "units": 130},
        ),
    },
}
"""The corners, by whether all values are integers, then by the class of bug that each one finds.
Each has a source of values, and the entries of its plan that differ from `_SMALL`."""


def corners(choices: Mapping[str, tuple], integers_only: bool) -> Iterator[Case]:
    """Yield the corners whose options are among these choices.

    An option that a corner does not name has the value of `_SMALL`, or else the first choice.
    choices: as in `strategies.cases`. integers_only: whether the values are integers.
    """
    options = choices.keys() - {"large", *DIMENSIONS}
    for bug, (values, named) in CORNERS[integers_only].items():
        plan = {**_SMALL, **named}
        if any(plan[name] not in choices[name] for name in options & named.keys()):
            continue
        plan |= {name: choices[name][0] for name in options if plan[name] not in choices[name]}
        case = Plan(**plan).case(1, values)
        if bug == "cancellation":
            state = case.inputs[:, 0]
            case = replace(case, initial_state=state, recurrent_kernel=-case.kernel)
        yield case


def crossed_cases(choices: Mapping[str, tuple], names: Collection[str]) -> Iterator[Case]:
    """Yield a case for each combination of the named choices, with its other options random."""
    generator = random.Random(session.current().seed_of("covering"))
    for values in itertools.product(*(dict.fromkeys(choices[name]) for name in names)):
        fixed = dict(zip(names, values, strict=True))
        plan = plan_from(functools.partial(_fixed_or_random, fixed, generator), choices)
        yield plan.case(1, float_values(Scales(sums=2)))


def _fixed_or_random(
    fixed: Mapping[str, object], generator: random.Random, name: str, given: tuple
):
    return fixed.get(name, generator.choice(given))
