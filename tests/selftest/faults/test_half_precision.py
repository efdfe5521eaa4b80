"""The rounding tier finds small errors of the recurrent kernel in half precision, at any size.

The cases are those that the default run draws on the eager path if all have this dtype and size.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import seed as with_seed

from tests.harness.cases.case import Case, replace
from tests.harness.compare.assertions import Mismatch
from tests.harness.compare.runs import assert_steps
from tests.harness.paths.execution import EAGER
from tests.harness.plugin.profiles import PROFILES
from tests.harness.target.arithmetic import arithmetics
from tests.simple_rnn import test_recurrence

PROPERTY = test_recurrence.test_each_step_is_within_rounding_of_the_recurrence
RUNS = 10
SMALLEST = {"bfloat16": 2.0**-6, "float16": 2.0**-8}
"""The relative change of the recurrent kernel that each run must find, by dtype."""

CHANGES = {
    "scaled": lambda U, dtype: U * (1 + SMALLEST[dtype]),
    "permuted": lambda U, dtype: np.roll(U, 1, axis=1),
    "dropped": lambda U, dtype: 0 * U,
    "unchanged": lambda U, dtype: U,
}


def drawn_cases(dtype: str, units: int, seed: int) -> list[Case]:
    """Return the cases of the property in a run with that seed."""
    found: list[Case] = []
    choices = {"dtype": (dtype,), "units": (units,), "large": (None,)}
    strategy = dataclasses.replace(PROPERTY, choices=choices).strategy(EAGER)

    @with_seed(seed)
    @settings(max_examples=PROFILES["dev"]["max_examples"], database=None, phases={Phase.generate})
    @given(strategy)
    def draw(case):
        found.append(case)

    draw()
    return [case for case in found if case.batch]


def is_found(case: Case, change) -> bool:
    U = change(np.asarray(case.recurrent_kernel), case.dtype)
    run = EAGER.run(replace(case, recurrent_kernel=U))
    try:
        assert_steps(run, case)
    except Mismatch:
        return True
    return False


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("units", [8, 17, 64, 130])
@pytest.mark.parametrize("dtype", SMALLEST)
def test_default_run_finds_wrong_recurrent_kernel(dtype, units, change):
    if arithmetics()[dtype].name == "half-sums":
        pytest.skip(f"{dtype} is added in {dtype}: the bound has a rounding for each term")
    for seed in range(RUNS):
        cases = drawn_cases(dtype, units, seed)
        assert any(is_found(case, CHANGES[change]) for case in cases) == (change != "unchanged")
