"""A model of Masking and the layer under test, in float64, and its loss and metrics."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from reference.losses import LOSSES, METRICS, ctc
from reference.recurrence import Recurrence
from reference.training import DISTURBED_RUNS, ROUNDINGS
from tests.harness import session
from tests.harness.cases.case import noise
from tests.harness.compare.assertions import assert_same, assert_within
from tests.harness.probes.training import float64_floatx
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

FEATURES, OUTPUTS = 2, 3
MASKED = 9.0
U = 2.0**-53
PREDICTION_ROUNDINGS = 2 * ROUNDINGS
"""The error of a prediction in unit roundoffs: a step, with its activation, adds up to ROUNDINGS,
and the recurrent kernel propagates less than half of the previous error."""

TARGETS: dict[str, tuple[str, Callable]] = {
    "real": ("tanh", lambda r: 4 * r - 2),
    "positive": ("sigmoid", lambda r: (r + 0.125) / 1.125),
    "binary": ("sigmoid", lambda r: np.floor(2 * r)),
    "one of": ("softmax", lambda r: np.eye(OUTPUTS)[np.argmax(r, axis=-1)]),
    "label": ("softmax", lambda r: np.argmax(r, axis=-1)),
}
"""For each kind of target the activation of predictions, and targets from numbers in [0, 1)."""

_POSITIVE = (
    "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "KLDivergence",
)


def kind_of_target(name: str) -> str:
    """Return the kind of target of the loss or metric of that name."""
    if name.startswith(("Sparse", "CategoricalGeneralized")):
        return "label"
    if name.startswith("Categorical"):
        return "one of"
    if name.startswith(("Binary", "True", "False", "Precision", "Recall")) or "Hinge" in name:
        return "binary"
    return "positive" if name in _POSITIVE else "real"


LOSS_NAMES = [name for name in LOSSES if hasattr(tf.keras.losses, name)]
METRIC_NAMES = [name for name in METRICS if hasattr(tf.keras.metrics, name)]


@contextlib.contextmanager
def exact_float64():
    """Compute losses and metrics in float64 within the block, with a negligible fuzz factor."""
    backend = tf.keras.backend
    before = backend.epsilon()
    with float64_floatx():
        backend.set_epsilon(1e-30)
        try:
            yield
        finally:
            backend.set_epsilon(before)


@dataclass(frozen=True)
class MaskedBatch:
    """One batch: inputs (batch, time, features), targets, and the mask (batch, time)."""

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    kind: str

    @property
    def given(self) -> np.ndarray:
        """The inputs with MASKED in masked steps."""
        return np.where(self.mask[:, :, None], self.x, MASKED)

    @property
    def predicted(self):
        """The model's predictions (batch, time, outputs), with their mask."""
        x = self.given
        return _predicted(self.kind, x.shape, x.tobytes())

    @property
    def with_other_masked_targets(self) -> "MaskedBatch":
        """Return the batch with other targets in the masked steps."""
        other = masked_batch(self.kind, len(self.mask), self.mask.shape[1], seed=99).y
        return self.with_masked_targets(other)

    def with_masked_targets(self, values) -> "MaskedBatch":
        """Return the batch with these values as targets of the masked steps."""
        mask = self.mask.reshape(*self.mask.shape, *(1,) * (self.y.ndim - 2))
        return replace(self, y=np.where(mask, self.y, values))

    @property
    def with_more_padding(self) -> "MaskedBatch":
        """Return the batch with more masked steps before and after."""

        def padded(a):
            return np.pad(a, [(0, 0), (BEFORE, BEHIND), *[(0, 0)] * (a.ndim - 2)])

        return replace(self, x=padded(self.x), y=padded(self.y), mask=padded(self.mask))


def masked_batch(kind: str, batch: int, time: int, seed: int = 0) -> MaskedBatch:
    """Return a batch with targets of a kind.

    The masks of the rows differ; of several rows, the last has no unmasked step.
    """
    mask = noise(seed + 1, (batch, time)) < 0.6
    mask[:, time // 2] = True
    mask[-1] &= batch == 1
    x = 2 * noise(seed, (batch, time, FEATURES)) - 1
    return MaskedBatch(x, TARGETS[kind][1](noise(seed + 2, (batch, time, OUTPUTS))), mask, kind)


BEFORE, BEHIND = 2, 1
"""The numbers of steps that `with_more_padding` adds."""

SHAPES = ((1, 4), (4, 4), (3, 6))


def masked_batches(kind: str) -> list[MaskedBatch]:
    """Return batches of one row, of as many rows as steps, and of other sizes; more in a search."""
    shapes = SHAPES * (5 if session.current().is_search else 1)
    return [masked_batch(kind, *shape, 10 * i) for i, shape in enumerate(shapes)]


def small_weights() -> list[np.ndarray]:
    """Return kernel, recurrent kernel and bias; the recurrent kernel at least halves the state."""
    shapes = (FEATURES, OUTPUTS), (OUTPUTS, OUTPUTS), (OUTPUTS,)
    kernel, recurrent_kernel, bias = (2 * noise(i, s) - 1 for i, s in enumerate(shapes))
    return [kernel, recurrent_kernel / (2 * OUTPUTS), bias]


def predictions(batch: MaskedBatch) -> np.ndarray:
    """Return the predictions of the reference, (batch, time, outputs)."""
    activation = TARGETS[batch.kind][0]
    kernel, recurrent_kernel, bias = small_weights()
    made = Recurrence(kernel, recurrent_kernel, bias, activation)
    return made.run(batch.x, None, batch.mask)[0]


@session.kept(maxsize=64)
def _model(kind: str):
    """Return a model of Masking and the layer under test, for any batch and time."""
    inputs = tf.keras.Input((None, FEATURES), dtype="float64")
    masked = tf.keras.layers.Masking(MASKED, dtype="float64")(inputs)
    options = {"activation": TARGETS[kind][0], "return_sequences": True, "dtype": "float64"}
    made = tf.keras.Model(inputs, layer.under_test().make(OUTPUTS, **options)(masked))
    made.set_weights(small_weights())
    return made


@session.kept(maxsize=256)
def _predicted(kind: str, shape: tuple[int, ...], inputs: bytes):
    """Return the predictions of the model, with the propagated mask."""
    return _model(kind)(tf.constant(np.frombuffer(inputs).reshape(shape)))


class MaskedModel:
    """A model of Masking and the layer under test, compiled with a loss and an optional metric."""

    def __init__(self, kind: str, loss, metric=None):
        self.model = _model(kind)
        self.model.compile("sgd", loss, metrics=[metric] if metric else None)

    def loss(self, batch: MaskedBatch) -> tuple[float, np.ndarray]:
        """Return the loss of a batch, and its gradient (batch, time, outputs)."""
        with tf.GradientTape() as tape:
            tape.watch(p := batch.predicted)
            value = self.model.compute_loss(y=tf.constant(batch.y), y_pred=p)
        return float(value), np.asarray(tape.gradient(value, p))

    def metric(self, batch: MaskedBatch) -> float:
        """Return the metric of a single batch."""
        self.model.reset_metrics()
        got = self.model.compute_metrics(None, tf.constant(batch.y), batch.predicted, None)
        return float(next(value for name, value in got.items() if name != "loss"))


def spread(formula: Callable[[np.ndarray], float], p: np.ndarray) -> tuple[float, float]:
    """Return the value of a formula, and its tolerance for rounded predictions.

    The tolerance is computed as in `reference.training.rounding_spread`.
    """
    value, rng = formula(p), np.random.default_rng(0)
    moved = [
        p * (1 + PREDICTION_ROUNDINGS * U * rng.choice((-1, 1), p.shape))
        for _ in range(DISTURBED_RUNS)
    ]
    far = 2 * max(abs(formula(other) - value) for other in moved)
    return value, far + ROUNDINGS * U * max(1.0, abs(value))


def assert_value(what: str, got: float, formula: Callable, p: np.ndarray) -> None:
    """Raise Mismatch unless the number is the value of a formula, within rounding."""
    value, bound = spread(formula, p)
    assert_within(what, np.array(got), np.array(value), np.array(bound), "float64")


def loss_model(name: str) -> MaskedModel:
    """Return the model with the loss of that name."""
    return MaskedModel(kind_of_target(name), getattr(tf.keras.losses, name)())


def assert_loss_skips_masked_steps(name: str) -> None:
    """Raise Mismatch unless the loss is the mean of its values at unmasked steps."""
    with exact_float64(), layer_call():
        made = loss_model(name)
        for batch in masked_batches(kind_of_target(name)):
            used, p = batch.mask, predictions(batch)
            formula = partial(_mean_loss, LOSSES[name], batch.y[used])
            assert_value("loss", made.loss(batch)[0], formula, p[used])


def _mean_loss(loss: Callable, y: np.ndarray, p: np.ndarray) -> float:
    return float(np.mean(loss(y, p)))


def assert_loss_ignores_padding(name: str) -> None:
    """Raise Mismatch if masked steps or their targets change a loss or its gradient.

    The gradient must be zero in masked steps.
    """
    with exact_float64(), layer_call():
        made = loss_model(name)
        for batch in masked_batches(kind_of_target(name)):
            loss, gradient = made.loss(batch)
            of_masked = gradient[~batch.mask]
            assert_same("gradient to masked steps", of_masked, np.zeros(of_masked.shape))
            other_loss, other_gradient = made.loss(batch.with_other_masked_targets)
            assert_same("loss with other targets", other_loss, loss)
            assert_same("gradient with other targets", other_gradient, gradient)
            long_loss, long_gradient = made.loss(batch.with_more_padding)
            for what, got, expected in (
                ("loss with more padding", long_loss, loss),
                ("gradient with more padding", long_gradient[:, BEFORE:-BEHIND], gradient),
            ):
                bound = ROUNDINGS * U * np.abs(expected)
                assert_within(what, np.asarray(got), np.asarray(expected), bound, "float64")


def assert_loss_ignores_masked_targets(name: str, value) -> None:
    """Raise Mismatch if an invalid target of masked steps changes the loss or its gradient."""
    with exact_float64(), layer_call():
        made = loss_model(name)
        for batch in masked_batches(kind_of_target(name)):
            (loss, gradient), other = made.loss(batch), made.loss(batch.with_masked_targets(value))
            assert_same("loss", other[0], loss)
            assert_same("gradient", other[1], gradient)


def assert_metric_skips_masked_steps(name: str) -> None:
    """Raise Mismatch unless the metric of that name ignores masked steps."""
    kind = kind_of_target(name)
    loss = "sparse_categorical_crossentropy" if kind == "label" else "mse"
    with exact_float64(), layer_call():
        made = MaskedModel(kind, loss, getattr(tf.keras.metrics, name)())
        for batch in masked_batches(kind):
            used = batch.mask
            for given in (batch, batch.with_other_masked_targets, batch.with_more_padding):
                formula = partial(METRICS[name], batch.y[used])
                assert_value("metric", made.metric(given), formula, predictions(batch)[used])


def _of_last_step(y, p):
    """Return a user-defined loss: the squared error of the last step, one value per row."""
    return tf.reduce_mean(tf.square(y[:, -1] - p[:, -1]), axis=-1)


ROW_LOSSES: dict[str, tuple[Callable, Callable]] = {
    "function": (lambda: _of_last_step, lambda y, p: np.mean((y - p)[:, -1] ** 2))
}
if hasattr(tf.keras.losses, "CTC"):
    ROW_LOSSES["CTC"] = (lambda: tf.keras.losses.CTC(), lambda y, p: np.mean(ctc(y, p)))
"""Losses with one value per row: a function that makes the loss, and its mean."""


def assert_row_loss_is_averaged(name: str, rows: int) -> None:
    """Raise Mismatch unless a loss with one value per row is averaged over the rows."""
    make, formula = ROW_LOSSES[name]
    batch = masked_batch("real", rows, 6)
    if name == "CTC":
        batch = replace(batch, y=1 + np.floor(2 * noise(5, (rows, 2))).astype(int))
    with exact_float64(), layer_call():
        got, _ = MaskedModel("real", make()).loss(batch)
    assert_value("loss", got, partial(formula, batch.y), predictions(batch))
