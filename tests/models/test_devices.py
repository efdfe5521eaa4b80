"""Two devices train, evaluate and predict as one does."""

import numpy as np
import pytest

from reference.training import Trainer, rounding_spread, sgd, train
from tests.harness import session
from tests.harness.cases.case import CLIP, Case, noise
from tests.harness.compare.assertions import Mismatch, assert_near, assert_same, assert_within
from tests.harness.probes.processes.devices import (
    DEVICES,
    mirrored_dropout,
    mirrored_outputs,
    mirrored_training,
)
from tests.harness.probes.processes.own_process import in_own_process
from tests.harness.probes.stateful import small_integers
from tests.harness.properties.example import example, usual

MIRRORED = "Synchronous training across multiple replicas on one machine."
BATCH, TIME, FEATURES, UNITS, OUTPUTS = 4, 3, 2, 3, 2
RATE, EPOCHS = 0.25, 2


def uniform(stream: int, *shape: int) -> np.ndarray:
    """Numbers of float32 in [-1, 1)."""
    seed = session.current().seed_of("devices") % 1000
    return (2 * noise(64 * seed + stream, shape) - 1).astype(np.float32).astype(np.float64)


def trainer(rate=RATE) -> Trainer:
    weights = {
        "kernel": uniform(0, FEATURES, UNITS),
        "recurrent_kernel": uniform(1, UNITS, UNITS),
        "bias": uniform(2, UNITS),
        "dense_kernel": uniform(3, UNITS, OUTPUTS),
        "dense_bias": uniform(4, OUTPUTS),
    }
    return Trainer(weights, sgd(rate))


@pytest.mark.parametrize("rows", usual((BATCH + DEVICES,), (2 * BATCH, BATCH + DEVICES, BATCH + 1)))
@example("MirroredStrategy", MIRRORED)
def test_mirrored_training_matches_one_device(rows):
    x, y = uniform(5, rows, TIME, FEATURES), uniform(6, rows, OUTPUTS)
    _, weights = in_own_process(
        mirrored_training, trainer().weights, x, y, BATCH, RATE, EPOCHS, devices=DEVICES
    )
    batches = [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, rows, BATCH)] * EPOCHS
    expected, spread = train(trainer, batches).weights, rounding_spread(trainer, batches).weights
    for name, wanted in expected.items():
        far = np.broadcast_to(spread[name], wanted.shape)
        assert_near(name, weights[name], wanted, far, "float64")


@pytest.mark.parametrize("rows", usual((BATCH + 1,), (2 * BATCH, BATCH + 1)))
@example("MirroredStrategy", MIRRORED)
def test_mirrored_predictions_match_one_device(rows):
    case = Case(
        inputs=small_integers(1, rows, BATCH, FEATURES),
        kernel=small_integers(2, FEATURES, UNITS),
        recurrent_kernel=small_integers(3, UNITS, UNITS),
        bias=small_integers(4, UNITS),
        activation=CLIP,
    )
    outputs, loss = in_own_process(mirrored_outputs, case, BATCH, devices=DEVICES)
    assert_same("outputs", outputs, case.expected()[0])
    expected = np.mean(case.expected()[0] ** 2)
    assert_within("loss", np.array(loss), np.array(expected), np.array(2.0**-20), "float32")


@pytest.mark.parametrize("kind", usual(("dropout",), ("dropout", "recurrent_dropout")))
@example(
    "MirroredStrategy",
    MIRRORED,
    needs={"dropout", "recurrent_dropout", "initial_state"},
)
def test_replicas_drop_independently(kind):
    results = in_own_process(mirrored_dropout, 64, 0.5, kind != "dropout", devices=DEVICES)
    if not np.isin(results, (0, 2)).all() or results.shape != (DEVICES, 2, 64):
        raise Mismatch(f"expected nothing but 0 and 2, got {np.unique(results)}")
    for call, (one, other) in enumerate(results.swapaxes(0, 1)):  # by chance once in 2^63 runs
        if (one == other).all():
            raise Mismatch(f"call {call}: both replicas drop the same 64 elements")
    if (results[:, 0] == results[:, 1]).all():
        raise Mismatch("two calls drop the same elements")
