"""A model that predicts names, trained by TensorFlow and by the reference.

Characters are one-hot, and `.` begins and ends a name. Dense reads the sequence of SimpleRNN, the
loss is the cross-entropy of the next character, the optimizer is Adam, and one batch has all names.
Everything is float64; `reference.training.rounding_spread` computes the tolerance.

`python -m tests.training.test_name_model` draws both losses and their difference; it needs the
extra `report`.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from reference.initializers import glorot_limit
from reference.training import Trainer, Training, adam, cross_entropy, rounding_spread, train
from tests.harness.cases.case import noise
from tests.harness.compare.assertions import assert_near
from tests.harness.probes.training import float64_floatx, train_with_fit, training_model
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

DATA = Path(__file__).parent
NAMES = (DATA / "names.txt").read_text(encoding="utf-8").split()
CHARACTERS = ".abcdefghijklmnopqrstuvwxyz"
UNITS, STEPS = 16, 40
ADAM = {"learning_rate": 2**-5, "beta_1": 0.875, "beta_2": 0.96875}


def encoded(names: list[str]) -> np.ndarray:
    """Return the numbers of the characters (name, time): `.`, the name, and padding with `.`."""
    longest = max(map(len, names)) + 2
    rows = [f".{name}".ljust(longest, ".") for name in names]
    return np.array([[CHARACTERS.index(c) for c in row] for row in rows])


def one_hot(numbers: np.ndarray) -> np.ndarray:
    return np.eye(len(CHARACTERS))[numbers]


def batches() -> list:
    numbers = encoded(NAMES)
    return [(one_hot(numbers[:, :-1]), numbers[:, 1:])] * STEPS


def trainer() -> Trainer:
    """Return a trainer whose weights have the sizes that the default initializers draw."""

    def glorot(seed, *shape):
        return (2 * noise(seed, shape) - 1) * glorot_limit(*shape)

    n, characters = UNITS, len(CHARACTERS)
    weights = {
        "kernel": glorot(0, characters, n),
        "recurrent_kernel": np.linalg.qr(glorot(1, n, n))[0],
        "bias": np.zeros(n),
        "dense_kernel": glorot(2, n, characters),
        "dense_bias": np.zeros(characters),
    }
    return Trainer(weights, adam(**ADAM), cross_entropy, sequences=True)


def predicted_names(predict) -> list[str]:
    """Return a name for each first letter, with the most probable next characters."""
    numbers = np.array([[0, i] for i in range(1, len(CHARACTERS))])
    while numbers.shape[1] < 10:
        best = np.argmax(predict(one_hot(numbers))[:, -1], axis=-1)
        numbers = np.concatenate([numbers, best[:, None]], axis=1)
    rows = ["".join(CHARACTERS[i] for i in row[1:]) for row in numbers]
    return [row.split(".")[0] for row in rows]


def by_tensorflow() -> tuple[Training, list[str]]:
    """Return the losses, final weights and predicted names of a model of the layer under test."""
    optimizer = tf.keras.optimizers.Adam(**ADAM)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made = training_model(trainer().weights, return_sequences=True)
    training = train_with_fit(made, batches(), optimizer, loss)
    return training, predicted_names(lambda x: np.asarray(made(tf.constant(x))))


def by_reference() -> tuple[Training, list[str]]:
    training = train(trainer, batches())
    trained = partial(Trainer, training.weights, adam(**ADAM), sequences=True)
    return training, predicted_names(lambda x: trained().predict(x)[0])


@pytest.fixture(scope="module")
def both():
    with float64_floatx(), layer_call():
        return by_tensorflow(), by_reference()


@pytest.fixture(autouse=True)
def promised(record_property):
    missing = {"return_sequences", "dtype"} - layer.under_test().features
    record_property("promise", "SimpleRNN: the lesson's names")
    record_property("cases", 1)
    if missing:
        record_property("not applicable", ", ".join(sorted(missing)))
        pytest.skip(f"not applicable: needs {', '.join(sorted(missing))}")


def test_name_model_matches_the_reference_training(both):
    (got, _), (expected, _) = both
    spread = rounding_spread(trainer, batches())
    assert_near("losses", got.losses, expected.losses, 0 * got.losses + spread.losses, "float64")
    for name, weight in expected.weights.items():
        tolerance = np.full(weight.shape, spread.weights[name])
        assert_near(name, got.weights[name], weight, tolerance, "float64")


def test_name_model_predicts_the_reference_names(both):
    (_, got), (_, expected) = both
    assert got == expected
    assert any(name in NAMES for name in got)


def test_name_model_loss_decreases(both):
    (got, _), _ = both
    assert got.losses[-1] < got.losses[0] / 2


def draw(file: Path = DATA / "names.svg") -> None:
    """Draw both losses by step, and their difference in units of rounding below."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "names"  # makes the file reproducible
    from matplotlib import pyplot

    with float64_floatx():
        (theirs, names), (ours, _) = by_tensorflow(), by_reference()
    figure, (above, below) = pyplot.subplots(
        2, sharex=True, figsize=(7, 5), height_ratios=(2, 1), layout="constrained"
    )
    above.plot(theirs.losses, color="tab:orange", linewidth=5, alpha=0.5, label="TensorFlow")
    above.plot(ours.losses, color="black", linewidth=1, label="reference (NumPy)")
    above.set(ylabel="loss", title=f"learning names: {', '.join(names[:6])}, ...")
    above.legend()
    rounding = np.spacing(ours.losses)
    below.semilogy(np.maximum(np.abs(theirs.losses - ours.losses) / rounding, 0.5), "k.")
    bound = rounding_spread(trainer, batches()).losses
    below.axhline(bound / rounding.min(), color="tab:red", linewidth=1)
    below.text(0, bound / rounding.min(), "bound of rounding", va="top", color="tab:red")
    below.set(xlabel="step", ylabel="difference, ulp of the loss")
    figure.savefig(file, metadata={"Date": None})


if __name__ == "__main__":
    draw()
