"""The largest errors on fixed inputs, which are the same for every release."""

import numpy as np
import pytest

from reference.formats import FORMATS
from reference.rounding import one_step
from tests.harness import session
from tests.harness.cases.case import Case, noise
from tests.harness.compare.assertions import assert_within
from tests.harness.compare.runs import assert_steps
from tests.harness.paths.execution import EAGER, FUNCTION, XLA
from tests.harness.properties.expected import skip_if_unsupported
from tests.harness.target import layer

PROMISE = "guide/versions: floating point: comparable or improved accuracy from release to release"
MAGNITUDES = np.geomspace(2.0**-13, 32, 20_000)  # from |tanh(x)| = |x| to |tanh(x)| = 1
NO_BIAS = np.zeros(16)
GRID = np.concatenate([-MAGNITUDES, MAGNITUDES])[:, None, None]


def uniform(seed: int, *shape: int) -> np.ndarray:
    return 2 * noise(seed, shape) - 1


@pytest.fixture(params=["float32", "float64", "float16", "bfloat16"])
def dtype(request, record_property):
    record_property("promise", PROMISE)
    skip_if_unsupported(record_property, layer.under_test().missing_features({request.param}))
    return request.param


def measure(case: Case, what: str, spacing, check, record_property) -> None:
    """Record the largest error on each path, in units of `spacing(expected)`.

    case: one step from a state of zeros. check: a function of the run and the expected outputs
    that raises Mismatch.
    """
    start = np.zeros((case.batch, case.units))
    expected, _ = one_step(
        case.recurrence, case.inputs[:, 0], start, session.current().arithmetics[case.dtype]
    )
    largest = {}
    for path in (EAGER, FUNCTION, XLA):
        run = path.run(case)
        check(run, expected)
        error = np.abs(run.outputs[:, 0] - expected) / spacing(expected)
        largest[f"{what}, {case.dtype} {path}"] = round(float(np.max(error)), 3)
    record_property("ulp", largest)
    record_property("cases", len(largest))


def test_tanh_is_accurate(dtype, record_property):
    case = Case(GRID, np.ones((1, 1)), np.zeros((1, 1)), NO_BIAS[:1], dtype=dtype)
    form, allowed = FORMATS[dtype], case.recurrence.function.kernel_error[dtype]
    lost = (1 + np.abs(GRID[:, 0])) * form.smallest  # as in `reference/rounding.py`

    def check(run, expected):
        bound = allowed * form.ulp(expected) + lost
        assert_within("tanh", run.outputs[:, 0], expected, bound, dtype)

    measure(case, "tanh", form.ulp, check, record_property)


def test_one_step_is_accurate(dtype, record_property):
    weights = uniform(1, 16, 16), uniform(2, 16, 16), NO_BIAS
    case = Case(uniform(0, 512, 1, 16), *weights, dtype=dtype)

    def check(run, _):
        assert_steps(run, case)

    # The unit is the ulp of 1: near zero, terms cancel, and an ulp of the value is too small.
    measure(case, "step", lambda _: FORMATS[dtype].ulp(np.ones(1)), check, record_property)
