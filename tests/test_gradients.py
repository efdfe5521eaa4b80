"""Gradients: backpropagation through time, on each path."""

from tests.harness.drawing import EXACT
from tests.harness.gradients import (
    assert_backward_steps,
    assert_exact_gradients,
    kept_exact,
    probed,
    run,
)
from tests.harness.properties import promise

TAPE = "Computes the gradient using operations recorded in context of this tape."


@promise("GradientTape.gradient", TAPE, choices=EXACT, integers=True)
def test_integers_give_every_gradient_exactly(case, path):
    case = kept_exact(case)
    assert_exact_gradients(run(path, case)[1], case)


@promise("GradientTape.gradient", TAPE)
def test_each_backward_step_is_within_rounding(case, path):
    case = probed(case)
    assert_backward_steps(*run(path, case), case)
