"""Rejection of arguments of a wrong shape, without side effects."""

import numpy as np
import pytest

from tests.harness.compare.assertions import assert_same
from tests.harness.properties.example import example
from tests.harness.target import layer
from tests.harness.target.calls import assert_rejected, layer_call
from tests.harness.target.releases import tf

X = np.random.RandomState(0).randn(3, 5, 2).astype(np.float32)

WRONG_SHAPES = {
    "inputs of two dimensions": {"x": X[0]},
    "inputs of four dimensions": {"x": X[None]},
    "inputs of other features": {"x": np.ones((3, 5, 3), np.float32)},
    "a sequence of no steps": {"x": X[:, :0]},
    "a mask of too few steps": {"mask": np.ones((3, 4), bool)},
    "a mask of too many steps": {"mask": np.ones((3, 7), bool)},
    "a mask of one row": {"mask": np.ones((1, 5), bool)},
    "a mask of too few rows": {"mask": np.ones((2, 5), bool)},
    "a state of one row": {"initial_state": np.ones((1, 4), np.float32)},
    "a state of too few rows": {"initial_state": np.ones((2, 4), np.float32)},
    "a state without rows": {"initial_state": np.ones(4, np.float32)},
    "a state of one unit": {"initial_state": np.ones((3, 1), np.float32)},
    "a state of other units": {"initial_state": np.ones((3, 3), np.float32)},
    "a number for a state": {"initial_state": np.float32(1)},
    "a number of states": {"initial_state": np.ones((2, 3, 4), np.float32)},
}


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("wrong", WRONG_SHAPES)
@example(
    "SimpleRNN",
    "sequence: A 3D tensor, with shape `[batch, timesteps, feature]`. mask: Binary tensor of shape "
    "`[batch, timesteps]`. initial_state: List of initial state tensors",
    needs={"mask", "initial_state", "unroll"},
)
def test_wrong_shape_is_rejected_without_side_effects(wrong, unroll):
    with layer_call():
        made = layer.under_test().build(4, 2, unroll=unroll)
        before, weights = made(X), made.get_weights()
    given = {name: tf.constant(value) for name, value in WRONG_SHAPES[wrong].items()}
    if "initial_state" in given:
        states = given["initial_state"]
        given["initial_state"] = tf.unstack(states) if states.shape.rank == 3 else [states]
    assert_rejected(wrong, lambda: made(given.pop("x", X), **given))
    assert_same("outputs afterwards", made(X), before)
    for old, new in zip(weights, made.get_weights(), strict=True):
        assert_same("weights afterwards", new, old)
