"""The examples of SimpleRNN's documentation."""

import numpy as np
import pytest

from reference.initializers import LAPACK_THRESHOLD, glorot_excess, orthogonality_residual
from tests.harness.cases.case import Case
from tests.harness.compare.runs import assert_run
from tests.harness.paths.execution import EAGER
from tests.harness.target import layer

INPUTS = np.random.RandomState(0).random_sample((32, 10, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def promised(record_property):
    record_property("promise", "SimpleRNN: the examples of its documentation")
    record_property("cases", 1)


def test_layer_returns_one_output_for_each_row():
    made = layer.under_test().make(4)
    assert tuple(made(INPUTS).shape) == (32, 4)
    kernel, recurrent_kernel, bias = made.get_weights()
    assert (kernel.shape, recurrent_kernel.shape, bias.shape) == ((8, 4), (4, 4), (4,))
    assert 0 < glorot_excess(kernel, "float32") <= 1
    assert orthogonality_residual(recurrent_kernel, "float32") < LAPACK_THRESHOLD
    assert not bias.any()


def test_layer_returns_all_outputs_and_last_state():
    made = layer.under_test().make(4, return_sequences=True, return_state=True)
    whole_sequence_output, final_state = made(INPUTS)
    assert tuple(whole_sequence_output.shape) == (32, 10, 4)
    assert tuple(final_state.shape) == (32, 4)
    case = Case(INPUTS, *made.get_weights())
    run = EAGER.run(case)
    assert_run(run, case)
    assert np.array_equal(run.outputs, whole_sequence_output)
