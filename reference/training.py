"""Training a SimpleRNN with a Dense layer on top, by the documented formulas.

Weights are a dictionary: kernel (features, units), recurrent_kernel (units, units), bias (units,),
dense_kernel (units, outputs), dense_bias (outputs,). Everything is float64.

**The loss of a batch.** "sum_over_batch_size": an entry is one output of one row, or of one step of
one row. With weights w and the entries that are not masked,

    L = sum w_i l_i / (number of unmasked entries)            0 where every entry is masked

so that the weight of an entry in the sum, its *share*, is w_i / number, or 0 where it is masked.

**Tolerance.** Rounding errors of predictions and gradients accumulate in the weights; their growth
depends on the problem. So `spread` repeats the training `DISTURBED_RUNS` times, adds a random
disturbance of the size of the rounding errors to all predictions and gradients, and takes the
largest distance from the undisturbed run (the CESTAC method: Vignes, Mathematics and Computers in
Simulation 35, 1993). That is an estimate and no bound: six runs may miss the largest error. The
disturbance is `ROUNDINGS` unit roundoffs of the largest element: the sums have tens to hundreds of
terms, and k rounding errors of random sign add up to about sqrt(k) of them. The errors of a kernel
may have one sign in all entries of a batch, where those of the disturbance cancel out in a mean:
`ALIGNED`, the square root of 64 entries, makes up for it.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from reference.activations import ACTIVATIONS
from reference.formats import Array
from reference.gradient import GradientProblem, backpropagate
from reference.recurrence import Recurrence

Weights = dict[str, Array]
Masks = tuple[Array, Array]
"""The dropout factors of the inputs (batch, features) and of the states (batch, units), which are
the same at every step."""

ROUNDINGS = 16
ALIGNED = 8
DISTURBED_RUNS = 6


def shares(shape: tuple, weights: Array | None = None, used: Array | None = None) -> Array:
    """Return the share of each entry in the loss of a batch.

    shape: (batch,) or (batch, time), that of the entries. weights: (batch,), or the shape of the
    entries. used: of that shape, False where an entry is masked.
    """
    counted = np.ones(shape) if used is None else used.astype(float)
    number = max(counted.sum(), 1.0)
    if weights is not None:
        counted = counted * weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
    return counted / number


def mean_squared_error(predictions: Array, targets: Array, share: Array) -> tuple[float, Array]:
    """Return the sum of mean(square(y_true - y_pred)) over the last axis (MeanSquaredError) with
    these shares, and its gradient."""
    difference = predictions - targets
    value = float(np.sum(share * np.mean(difference**2, axis=-1)))
    return value, 2 * share[..., None] * difference / difference.shape[-1]


def cross_entropy(logits: Array, labels: Array, share: Array) -> tuple[float, Array]:
    """Return the SparseCategoricalCrossentropy(from_logits=True) of labels of the shape of the
    shares, summed with these, and its gradient with respect to the logits."""
    log_p = ACTIVATIONS["log_softmax"].f(logits)
    chosen = np.eye(logits.shape[-1])[labels]
    entries = -np.sum(chosen * log_p, axis=-1)
    return float(np.sum(share * entries)), share[..., None] * (np.exp(log_p) - chosen)


LearningRate = float | Callable[[int], float]
"""A number, or a schedule: a function of the number of steps that were made before."""


def exponential_decay(rate: float, steps: int, factor: float) -> Callable[[int], float]:
    """Return ExponentialDecay: `initial_learning_rate * decay_rate ^ (step / decay_steps)`."""
    return lambda step: rate * factor ** (step / steps)


Optimizer = Callable[[Weights], Weights]
"""A function from gradients to the changes of the weights; it stores its momenta between calls."""


def _rate(learning_rate: LearningRate, step: int) -> float:
    return learning_rate(step) if callable(learning_rate) else learning_rate


def sgd(learning_rate: LearningRate, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    """Return SGD: `velocity = momentum * velocity - learning_rate * g; w = w + velocity`, and with
    nesterov `w = w + momentum * velocity - learning_rate * g`."""
    velocity: Weights = {}
    steps = itertools.count()

    def change(gradients):
        rate = _rate(learning_rate, next(steps))
        for name, g in gradients.items():
            velocity[name] = momentum * velocity.get(name, 0.0) - rate * g
        if not nesterov:
            return dict(velocity)
        return {name: momentum * velocity[name] - rate * g for name, g in gradients.items()}

    return change


def adam(
    learning_rate: LearningRate, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7
) -> Optimizer:
    """Return Adam, with epsilon as "epsilon hat" (Kingma and Ba, 2014, before section 2.1)."""
    m: Weights = {}
    v: Weights = {}
    steps = 0

    def change(gradients):
        nonlocal steps
        rate = _rate(learning_rate, steps)
        steps += 1
        alpha = rate * np.sqrt(1 - beta_2**steps) / (1 - beta_1**steps)
        for name, g in gradients.items():
            m[name] = beta_1 * m.get(name, 0.0) + (1 - beta_1) * g
            v[name] = beta_2 * v.get(name, 0.0) + (1 - beta_2) * g * g
        return {name: -alpha * m[name] / (np.sqrt(v[name]) + epsilon) for name in gradients}

    return change


def clip_norm(limit: float) -> Callable[[Weights], Weights]:
    """Return clipnorm: "the gradient of each weight is individually clipped so that its norm is no
    higher than this value"."""
    return lambda gradients: {name: _shortened(g, g, limit) for name, g in gradients.items()}


def clip_global_norm(limit: float) -> Callable[[Weights], Weights]:
    """Return global_clipnorm: "the gradient of all weights is clipped so that their global norm is
    no higher than this value"."""

    def clip(gradients):
        everything = np.concatenate([g.ravel() for g in gradients.values()])
        return {name: _shortened(g, everything, limit) for name, g in gradients.items()}

    return clip


def clip_value(limit: float) -> Callable[[Weights], Weights]:
    """Return clipvalue: "the gradient of each weight is clipped to be no higher than this
    value"."""
    return lambda gradients: {name: np.clip(g, -limit, limit) for name, g in gradients.items()}


def _shortened(g: Array, whole: Array, limit: float) -> Array:
    return g * (limit / max(float(np.linalg.norm(whole.ravel())), limit))


def max_norm(limit: float, axis: int = 0) -> Callable[[Array], Array]:
    """Return MaxNorm(limit, axis): it scales each column (axis 0) or row (axis 1) whose norm
    exceeds the limit to that norm."""

    def constrain(w):
        norms = _norms(w, axis)
        return w * (np.clip(norms, 0, limit) / (1e-7 + norms))

    return constrain


def unit_norm(axis: int = 0) -> Callable[[Array], Array]:
    """Return UnitNorm(axis): it scales each column (axis 0) or row (axis 1) to norm 1."""
    return lambda w: w / (1e-7 + _norms(w, axis))


def min_max_norm(low: float, high: float, rate: float, axis: int = 0) -> Callable[[Array], Array]:
    """Return MinMaxNorm(low, high, rate, axis): it moves the norm of each column (axis 0) or row
    (axis 1) towards [low, high], by the fraction `rate` of the distance."""

    def constrain(w):
        norms = _norms(w, axis)
        return w * ((rate * np.clip(norms, low, high) + (1 - rate) * norms) / (1e-7 + norms))

    return constrain


def _norms(w: Array, axis: int) -> Array:
    return np.sqrt(np.sum(w * w, axis=axis, keepdims=True))


def non_negative(w: Array) -> Array:
    """Return the weights with negative ones set to 0 (NonNeg)."""
    return w * (w >= 0)


class Batch(NamedTuple):
    """One batch: x (batch, time, features), targets y, the masks of dropout, which steps are used
    (batch, time), and the weights of entries, (batch,) or (batch, time). None: without."""

    x: Array
    y: Array
    masks: Masks | None = None
    used: Array | None = None
    weights: Array | None = None


@dataclass
class Trainer:
    """A SimpleRNN and a Dense layer in training.

    loss: a function from predictions, targets and shares to a value and its gradient. sequences:
    whether Dense reads every output instead of the last one. penalties: (l1, l2) by name of weight;
    l1 sum |w| + l2 sum w^2 is added to the loss. constraints: applied to a weight after each step.
    frozen: weights that are not trained. stateful: whether a step starts from the final state of
    the step before it. disturb: applied to predictions and gradients (see `spread`).
    """

    weights: Weights
    optimizer: Optimizer
    loss: Callable = mean_squared_error
    activation: str = "tanh"
    sequences: bool = False
    clip: Callable[[Weights], Weights] = lambda gradients: gradients
    penalties: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    constraints: Mapping[str, Callable[[Array], Array]] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    stateful: bool = False
    disturb: Callable[[Array], Array] = lambda gradient: gradient
    state: Array | None = None

    @property
    def recurrence(self) -> Recurrence:
        w = self.weights
        return Recurrence(w["kernel"], w["recurrent_kernel"], w["bias"], self.activation)

    def _dropped(self, m: Array | float, r: Array | float) -> Recurrence:
        """Return the recurrence with the dropout factors in its weights: (x * m) W = x (m W).

        m: (features, 1), the factors of the inputs. r: (units, 1), the factors of the states.
        """
        plain = self.recurrence
        return replace(plain, kernel=m * plain.kernel, recurrent_kernel=r * plain.recurrent_kernel)

    def predict(
        self, x: Array, masks: Masks | None = None, used: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """Return the predictions, the inputs of Dense, and the state after x.

        x: (batch, time, features). masks: the dropout factors, if any. used: (batch, time), False
        where a step is masked.
        """
        parts = [
            self._dropped(m, r).run(x[rows], _rows_of(self.state, rows), _rows_of(used, rows))
            for rows, m, r in _parts(masks)
        ]
        outputs, state = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        hidden = outputs if self.sequences else outputs[:, -1]
        predictions = hidden @ self.weights["dense_kernel"] + self.weights["dense_bias"]
        return self.disturb(predictions), hidden, state

    def shares(self, predictions: Array, batch: "Batch") -> Array:
        """Return the share of each entry: outputs of sequences have the mask of their steps."""
        used = batch.used if self.sequences else None
        return shares(predictions.shape[:-1], batch.weights, used)

    def totals(self, batch: "Batch", predictions: Array | None = None) -> Array:
        """Return the sums that the means of an epoch follow from: the loss times the rows, and the
        rows; the absolute errors of unmasked entries, and their number; both with weights.

        predictions: those for the batch, if they are known.
        """
        if predictions is None:
            predictions = self.predict(batch.x, batch.masks, batch.used)[0]
        share, counted = (
            self.shares(predictions, b) for b in (batch, batch._replace(weights=None))
        )
        number = np.count_nonzero(counted)
        errors = np.mean(np.abs(predictions - batch.y), axis=-1)
        return np.array(
            [
                len(batch.x) * self.loss(predictions, batch.y, share)[0],
                len(batch.x),
                *(number * np.sum(counted * errors), number * np.sum(counted)),
                *(number * np.sum(share * errors), number * np.sum(share)),
            ]
        )

    def step(self, *given) -> float:
        """Take one step of the optimizer on the batch with these fields; return the loss before."""
        return self.learn(Batch(*given))[0]

    def learn(self, batch: "Batch") -> tuple[float, Array]:
        """Take one step of the optimizer; return the loss and the predictions before it."""
        x, masks, used = batch.x, batch.masks, batch.used
        predictions, hidden, state = self.predict(x, masks, used)
        value, g = self.loss(predictions, batch.y, self.shares(predictions, batch))
        into = g @ self.weights["dense_kernel"].T
        V, v = np.zeros((*x.shape[:2], self.recurrence.units)), np.zeros(state.shape)
        V, v = (into, v) if self.sequences else (V, into)
        gradients = {
            "kernel": 0.0,
            "recurrent_kernel": 0.0,
            "bias": 0.0,
            "dense_kernel": _rows(hidden).T @ _rows(g),
            "dense_bias": _rows(g).sum(axis=0),
        }
        for rows, m, r in _parts(masks):
            start, live = _rows_of(self.state, rows), _rows_of(used, rows)
            flows = backpropagate(
                GradientProblem(self._dropped(m, r), x[rows], start, live, V[rows], v[rows])
            )
            gradients["kernel"] += m * flows.kernel
            gradients["recurrent_kernel"] += r * flows.recurrent_kernel
            gradients["bias"] += flows.bias
        for name, (l1, l2) in self.penalties.items():
            w = self.weights[name]
            value += float(l1 * np.sum(np.abs(w)) + l2 * np.sum(w * w))
            gradients[name] = gradients[name] + l1 * np.sign(w) + 2 * l2 * w
        gradients = {k: self.disturb(g) for k, g in gradients.items() if k not in self.frozen}
        for name, change in self.optimizer(self.clip(gradients)).items():
            w = self.weights[name] + change
            self.weights[name] = self.constraints.get(name, lambda w: w)(w)
        self.state = state if self.stateful else None
        return value, predictions


def _parts(masks: Masks | None):
    """Return (rows, m, r) for each set of rows with the same dropout factors.

    m, r: the factors as columns (features, 1) and (units, 1). Without dropout, one set has all
    rows.
    """
    if masks is None:
        return [(slice(None), 1.0, 1.0)]
    return [
        (slice(i, i + 1), m[:, None], r[:, None])
        for i, (m, r) in enumerate(zip(*masks, strict=True))
    ]


def infer_dropout_masks(
    trainer: Trainer, x: Array, predictions: Array, dropout: float, recurrent_dropout: float
) -> Masks:
    """Return the dropout masks whose predictions are nearest to those of the layer in training.

    x: (batch, time, features). predictions: (batch, outputs), as the layer returned them. All
    2 ** (features + units) masks are tried for each row.
    """
    features, units = trainer.weights["kernel"].shape
    every = np.array(list(itertools.product((0.0, 1.0), repeat=features + units)))
    tried = every[:, :features] / (1 - dropout), every[:, features:] / (1 - recurrent_dropout)
    found = np.array([trainer.predict(np.repeat(row[None], len(every), 0), tried)[0] for row in x])
    best = np.argmin(np.abs(found - predictions[:, None]).max(axis=-1), axis=1)
    return tried[0][best], tried[1][best]


def _rows_of(a: Array | None, rows: slice) -> Array | None:
    return None if a is None else a[rows]


def _rows(a: Array) -> Array:
    return a.reshape(-1, a.shape[-1])


@dataclass(frozen=True)
class Training:
    """The losses (steps,) of a training, and the weights after it."""

    losses: Array
    weights: Weights


def train(make: Callable[[], Trainer], batches: Iterable, disturb: Callable | None = None):
    """Train a new Trainer on batches, each a Batch or its first fields, one step each."""
    trainer = make()
    if disturb is not None:
        trainer.disturb = disturb
    losses = np.array([trainer.step(*batch) for batch in batches])
    return Training(losses, trainer.weights)


def means(totals: Iterable[Array]) -> dict[str, float]:
    """Return the loss and the mean absolute errors, without and with weights, over batches with
    these `Trainer.totals`; 0 where nothing counts."""
    sums = np.sum(list(totals), axis=0).reshape(3, 2)
    values = np.divide(sums[:, 0], sums[:, 1], out=np.zeros(3), where=sums[:, 1] != 0)
    return dict(zip(("loss", "mae", "weighted_mae"), values, strict=True))


def fit(
    trainer: Trainer, batches: list[Batch], epochs: int, validation: Sequence[Batch] = ()
) -> dict[str, Array]:
    """Return what `Model.fit` should give: by name, the means of each epoch (epochs,), those of the
    validation data after each epoch as `val_...`, and the weights after training."""
    history = []
    for _ in range(epochs):
        epoch = []
        for batch in batches:
            before = replace(trainer, weights=dict(trainer.weights))
            epoch.append(before.totals(batch, trainer.learn(batch)[1]))
        after = means(map(trainer.totals, validation)) if validation else {}
        history.append(means(epoch) | {f"val_{name}": value for name, value in after.items()})
    by_name = {name: np.array([means[name] for means in history]) for name in history[0]}
    return trainer.weights | by_name


def spread(run: Callable[[Callable], dict[str, Array]], u: float = 2.0**-53) -> dict[str, float]:
    """Return the tolerance of each result of a training with unit roundoff u, by name.

    run: a function that trains a new model, with a function applied to predictions and gradients,
    and returns the results by name. The tolerance is ALIGNED times the largest distance of
    `DISTURBED_RUNS` disturbed runs, and the rounding of the results themselves.
    """
    right = run(lambda gradient: gradient)
    found = [run(_disturbance(seed, u)) for seed in range(DISTURBED_RUNS)]
    return {
        name: ALIGNED * max(np.max(np.abs(other[name] - value)) for other in found)
        + ROUNDINGS * u * np.max(np.abs(value))
        for name, value in right.items()
    }


def rounding_spread(make: Callable[[], Trainer], batches: list) -> Training:
    """Return the tolerances of losses and weights of `train(make, batches)` in float64."""

    def run(disturb):
        training = train(make, batches, disturb)
        return {"losses": training.losses, **training.weights}

    bounds: dict[str, Any] = {**spread(run)}
    return Training(bounds.pop("losses"), bounds)


def _disturbance(seed: int, u: float) -> Callable[[Array], Array]:
    rng = np.random.default_rng(seed)

    def disturb(g):
        return g + ROUNDINGS * u * np.max(np.abs(g)) * rng.choice((-1.0, 1.0), g.shape)

    return disturb
