"""h_t = activation(x_t W + h_{t-1} U + b), at each step, on each path."""

from tests.harness.compare import assert_exact, assert_steps
from tests.harness.drawing import EXACT
from tests.harness.paths import EVERY, OF_KERAS_2
from tests.harness.properties import promise

RECURRENT = "Fully-connected RNN where the output is to be fed back as the new input."


@promise(
    "SimpleRNN", RECURRENT, choices=EXACT, integers=True, on=(*EVERY, *OF_KERAS_2), thorough=True
)
def test_integers_give_the_recurrence_exactly(case, path):
    assert_exact(path.run(case), case)


@promise("SimpleRNN", RECURRENT, thorough=True)
def test_each_step_is_within_rounding_of_the_recurrence(case, path):
    assert_steps(path.run(case), case)
