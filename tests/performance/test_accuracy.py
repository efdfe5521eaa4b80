"""The ledger of accuracy: the largest errors on fixed inputs, the same ones for every release."""

import numpy as np
import pytest

from reference.rounding import FORMATS, one_step
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


def measured(case: Case, what: str, spacing, decide, record_property) -> None:
    """Record the largest error on each path, in units of `spacing` of the right value."""
    start = np.zeros((case.batch, case.units))
    right, _ = one_step(case.recurrence, case.inputs[:, 0], start, case.dtype)
    largest = {}
    for path in (EAGER, FUNCTION, XLA):
        run = path.run(case)
        decide(run, right)
        error = np.abs(run.outputs[:, 0] - right) / spacing(right)
        largest[f"{what}, {case.dtype} {path}"] = round(float(np.max(error)), 3)
    record_property("ulp", largest)
    record_property("cases", len(largest))


def test_tanh_is_accurate(dtype, record_property):
    case = Case(GRID, np.ones((1, 1)), np.zeros((1, 1)), NO_BIAS[:1], dtype=dtype)
    form, allowed = FORMATS[dtype], case.recurrence.function.kernel_error[dtype]

    def decide(run, right):
        assert_within("tanh", run.outputs[:, 0], right, allowed * form.ulp(right), dtype)

    measured(case, "tanh", form.ulp, decide, record_property)


def test_one_step_is_accurate(dtype, record_property):
    weights = uniform(1, 16, 16), uniform(2, 16, 16), NO_BIAS
    case = Case(uniform(0, 512, 1, 16), *weights, dtype=dtype)

    def decide(run, _):
        assert_steps(run, case)

    # Near zero, where terms cancel, an ulp of the value says nothing: all are ulp of 1.
    measured(case, "step", lambda _: FORMATS[dtype].ulp(np.ones(1)), decide, record_property)
