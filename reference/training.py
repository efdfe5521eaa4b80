"""Training a SimpleRNN with a Dense layer on top, by the documented formulas.

Weights are a dictionary: kernel (features, units), recurrent_kernel (units, units), bias (units,),
dense_kernel (units, outputs), dense_bias (outputs,). Everything is float64.

**How near another trainer must come.** A step is w - s(gradient); how far roundings carry two
trainers apart depends on the problem. So `spread` runs the same training again and again, each time
with every gradient moved at random by as much as rounding may move it, and takes the largest
distance (the CESTAC method: Vignes, Mathematics and Computers in Simulation 35, 1993). That is
`ROUNDINGS` unit roundoffs of the largest element: the sums are of some tens to hundreds of terms,
whose roundings have any sign, so that k of them come to about the root of k.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reference.activations import ACTIVATIONS, Array
from reference.gradient import GradientProblem, backpropagate
from reference.recurrence import Recurrence

Weights = dict[str, Array]
Masks = tuple[Array, Array]
"""What dropout multiplies inputs (batch, features) and states (batch, units) by, at every step."""

ROUNDINGS = 16
DISTURBED_RUNS = 6


def mean_squared_error(predictions: Array, targets: Array) -> tuple[float, Array]:
    """MeanSquaredError: mean(square(y_true - y_pred)), and its gradient."""
    difference = predictions - targets
    return float(np.mean(difference**2)), 2 * difference / difference.size


def cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """SparseCategoricalCrossentropy(from_logits=True) of labels (batch, time), and its gradient."""
    log_p = ACTIVATIONS["log_softmax"].f(logits)
    chosen = np.eye(logits.shape[-1])[labels]
    return float(-np.sum(chosen * log_p) / labels.size), (np.exp(log_p) - chosen) / labels.size


Optimizer = Callable[[Weights], Weights]
"""From gradients to what is added to the weights; it keeps its own memory."""


def sgd(learning_rate: float, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    """SGD: `velocity = momentum * velocity - learning_rate * g; w = w + velocity`, and with
    nesterov `w = w + momentum * velocity - learning_rate * g`."""
    velocity: Weights = {}

    def change(gradients):
        for name, g in gradients.items():
            velocity[name] = momentum * velocity.get(name, 0.0) - learning_rate * g
        if not nesterov:
            return dict(velocity)
        return {
            name: momentum * velocity[name] - learning_rate * g for name, g in gradients.items()
        }

    return change


def adam(
    learning_rate: float, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7
) -> Optimizer:
    """Adam, with epsilon as "epsilon hat" (Kingma and Ba, 2014, just before section 2.1)."""
    m: Weights = {}
    v: Weights = {}
    steps = 0

    def change(gradients):
        nonlocal steps
        steps += 1
        alpha = learning_rate * np.sqrt(1 - beta_2**steps) / (1 - beta_1**steps)
        for name, g in gradients.items():
            m[name] = beta_1 * m.get(name, 0.0) + (1 - beta_1) * g
            v[name] = beta_2 * v.get(name, 0.0) + (1 - beta_2) * g * g
        return {name: -alpha * m[name] / (np.sqrt(v[name]) + epsilon) for name in gradients}

    return change


def clip_norm(limit: float) -> Callable[[Weights], Weights]:
    """clipnorm: "the gradient of each weight is individually clipped so that its norm is no higher
    than this value"."""
    return lambda gradients: {name: _shortened(g, g, limit) for name, g in gradients.items()}


def clip_global_norm(limit: float) -> Callable[[Weights], Weights]:
    """global_clipnorm: "the gradient of all weights is clipped so that their global norm is no
    higher than this value"."""

    def clip(gradients):
        everything = np.concatenate([g.ravel() for g in gradients.values()])
        return {name: _shortened(g, everything, limit) for name, g in gradients.items()}

    return clip


def clip_value(limit: float) -> Callable[[Weights], Weights]:
    """clipvalue: "the gradient of each weight is clipped to be no higher than this value"."""
    return lambda gradients: {name: np.clip(g, -limit, limit) for name, g in gradients.items()}


def _shortened(g: Array, whole: Array, limit: float) -> Array:
    return g * (limit / max(np.linalg.norm(whole.ravel()), limit))


def max_norm(limit: float, axis: int = 0) -> Callable[[Array], Array]:
    """MaxNorm(limit, axis): each column, or row, is shortened to that norm, if it is longer."""

    def constrain(w):
        norms = _norms(w, axis)
        return w * (np.clip(norms, 0, limit) / (1e-7 + norms))

    return constrain


def unit_norm(axis: int = 0) -> Callable[[Array], Array]:
    """UnitNorm(axis): each column, or row, gets norm 1."""
    return lambda w: w / (1e-7 + _norms(w, axis))


def min_max_norm(low: float, high: float, rate: float, axis: int = 0) -> Callable[[Array], Array]:
    """MinMaxNorm(low, high, rate, axis): the norm of each column, or row, is brought nearer to
    [low, high], by that part of the way."""

    def constrain(w):
        norms = _norms(w, axis)
        return w * ((rate * np.clip(norms, low, high) + (1 - rate) * norms) / (1e-7 + norms))

    return constrain


def _norms(w: Array, axis: int) -> Array:
    return np.sqrt(np.sum(w * w, axis=axis, keepdims=True))


def non_negative(w: Array) -> Array:
    """NonNeg: negative weights become 0."""
    return w * (w >= 0)


@dataclass
class Trainer:
    """A model in training.

    loss: of predictions and targets, to a value and its gradient. sequences: whether Dense is
    applied to every output or to the last. penalties: (l1, l2) by name of weight: l1 sum |w| + l2
    sum w^2 is added to the loss. constraints: applied to a weight after each step. frozen: weights
    that are not trained. stateful: whether a step starts from the state that the last one ended in.
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
        """(x * m) W = x (m W), m a row's factors of the inputs as a column; so for r and U."""
        plain = self.recurrence
        return replace(plain, kernel=m * plain.kernel, recurrent_kernel=r * plain.recurrent_kernel)

    def predict(self, x: Array, masks: Masks | None = None) -> tuple[Array, Array, Array]:
        """Predictions, what Dense was applied to, and the state after x (batch, time, features)."""
        parts = [
            self._dropped(m, r).run(x[rows], None if self.state is None else self.state[rows])
            for rows, m, r in _parts(masks)
        ]
        outputs, state = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        hidden = outputs if self.sequences else outputs[:, -1]
        return hidden @ self.weights["dense_kernel"] + self.weights["dense_bias"], hidden, state

    def step(self, x: Array, y: Array, masks: Masks | None = None) -> float:
        """One step of the optimizer on one batch; gives the loss before it."""
        predictions, hidden, state = self.predict(x, masks)
        value, g = self.loss(predictions, y)
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
            start = None if self.state is None else self.state[rows]
            problem = GradientProblem(self._dropped(m, r), x[rows], start, None, V[rows], v[rows])
            flows = backpropagate(problem)
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
        return value


def _parts(masks: Masks | None):
    """Rows that have the same masks, with these as columns; without dropout that is all of them."""
    if masks is None:
        return [(slice(None), 1.0, 1.0)]
    return [
        (slice(i, i + 1), m[:, None], r[:, None])
        for i, (m, r) in enumerate(zip(*masks, strict=True))
    ]


def infer_dropout_masks(
    trainer: Trainer, x: Array, predictions: Array, dropout: float, recurrent_dropout: float
) -> Masks:
    """The masks with which the trainer's weights come nearest to these predictions (batch, outputs)
    of a model in training. There are 2 ** (features + units) for each row: all of them are tried.
    """
    features, units = trainer.weights["kernel"].shape
    every = np.array(list(itertools.product((0.0, 1.0), repeat=features + units)))
    tried = every[:, :features] / (1 - dropout), every[:, features:] / (1 - recurrent_dropout)
    found = np.array([trainer.predict(np.repeat(row[None], len(every), 0), tried)[0] for row in x])
    best = np.argmin(np.abs(found - predictions[:, None]).max(axis=-1), axis=1)
    return tried[0][best], tried[1][best]


def _rows(a: Array) -> Array:
    return a.reshape(-1, a.shape[-1])


@dataclass(frozen=True)
class Training:
    """The losses (steps,) and weights after training."""

    losses: Array
    weights: Weights


def train(make: Callable[[], Trainer], batches: Iterable, disturb: Callable | None = None):
    """Train a new Trainer on batches of (x, y) or, with dropout, (x, y, masks), one step each."""
    trainer = make()
    if disturb is not None:
        trainer.disturb = disturb
    losses = np.array([trainer.step(*batch) for batch in batches])
    return Training(losses, trainer.weights)


def rounding_spread(make: Callable[[], Trainer], batches: list) -> Training:
    """How far rounding may carry another correct trainer from `train(make, batches)`; twice the
    largest distance of RUNS disturbed ones, and the rounding of the numbers compared."""
    right = train(make, batches)
    found = [train(make, batches, _disturbance(seed)) for seed in range(DISTURBED_RUNS)]
    u = ROUNDINGS * 2.0**-53

    def distance(get):
        there = np.max([np.abs(get(run) - get(right)) for run in found], axis=0)
        return 2 * np.max(there) + u * np.max(np.abs(get(right)))

    return Training(
        distance(lambda run: run.losses),
        {name: distance(lambda run, name=name: run.weights[name]) for name in right.weights},
    )


def _disturbance(seed: int) -> Callable[[Array], Array]:
    rng = np.random.default_rng(seed)

    def disturb(g):
        return g + ROUNDINGS * 2.0**-53 * np.max(np.abs(g)) * rng.choice((-1.0, 1.0), g.shape)

    return disturb
