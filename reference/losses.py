"""The built-in losses and metrics of sequences, by their documented formulas, and CTC.

Predictions p and targets y are arrays (..., outputs) of float64; labels are integers (...). A loss
gives one value for each step (...); a metric gives one number for steps (steps, outputs).
"""

from collections.abc import Callable

import numpy as np

from reference.activations import ACTIVATIONS
from reference.formats import Array

GAMMA, ALPHA = 2.0, 0.25
"""Documented defaults of the focal losses."""


def _cross_entropy(y: Array, p: Array) -> Array:
    return -(y * _log(p) + (1 - y) * _log(1 - p))


def _log(p: Array) -> Array:
    """Logarithms; of 0, which a masked step may have, whatever NumPy gives."""
    with np.errstate(divide="ignore"):
        return np.log(p)


def _binary_focal(y: Array, p: Array) -> Array:
    return (1 - y * p - (1 - y) * (1 - p)) ** GAMMA * _cross_entropy(y, p)


def _categorical_hinge(y: Array, p: Array) -> Array:
    return np.maximum(np.max((1 - y) * p, axis=-1) - np.sum(y * p, axis=-1) + 1, 0)


def _huber(y: Array, p: Array) -> Array:
    error = np.abs(y - p)
    return np.where(error <= 1, 0.5 * error**2, error - 0.5)


def _of_label(y: Array, p: Array) -> Array:
    """The predicted probability of each label."""
    return np.take_along_axis(p, y[..., None].astype(int), axis=-1)[..., 0]


def _cosine(y: Array, p: Array) -> Array:
    return np.sum(y * p, axis=-1) / np.linalg.norm(y, axis=-1) / np.linalg.norm(p, axis=-1)


def _mean(f: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    return lambda y, p: np.mean(f(y, p), axis=-1)


def _sum(f: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    return lambda y, p: np.sum(f(y, p), axis=-1)


LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "MeanSquaredError": _mean(lambda y, p: (y - p) ** 2),
    "MeanAbsoluteError": _mean(lambda y, p: np.abs(y - p)),
    "MeanAbsolutePercentageError": _mean(lambda y, p: 100 * np.abs((y - p) / y)),
    "MeanSquaredLogarithmicError": _mean(lambda y, p: (np.log1p(y) - np.log1p(p)) ** 2),
    "LogCosh": _mean(lambda y, p: np.log(np.cosh(p - y))),
    "Huber": _mean(_huber),
    "CosineSimilarity": lambda y, p: -_cosine(y, p),
    "Poisson": _mean(lambda y, p: p - y * _log(p)),
    "KLDivergence": _sum(lambda y, p: y * np.log(y / p)),
    "BinaryCrossentropy": _mean(_cross_entropy),
    "BinaryFocalCrossentropy": _mean(_binary_focal),
    "Hinge": _mean(lambda y, p: np.maximum(1 - (2 * y - 1) * p, 0)),
    "SquaredHinge": _mean(lambda y, p: np.maximum(1 - (2 * y - 1) * p, 0) ** 2),
    "CategoricalCrossentropy": _sum(lambda y, p: -y * _log(p)),
    "CategoricalFocalCrossentropy": _sum(lambda y, p: -ALPHA * (1 - p) ** GAMMA * y * _log(p)),
    "CategoricalHinge": _categorical_hinge,
    "SparseCategoricalCrossentropy": lambda y, p: -_log(_of_label(y, p)),
    "CategoricalGeneralizedCrossEntropy": lambda y, p: (1 - _of_label(y, p) ** 0.5) / 0.5,
}
"""The losses of one value a step, by the names of their classes, with documented defaults."""


def _count(truth: bool, guess: bool) -> Callable[[Array, Array], float]:
    """How many predictions, above 1/2 or not, meet such a target."""
    return lambda y, p: float(np.sum(((y > 0.5) == truth) & ((p > 0.5) == guess)))


_TP, _FP, _FN, _TN = (
    _count(truth, guess)
    for truth, guess in ((True, True), (False, True), (True, False), (False, False))
)

METRICS: dict[str, Callable[[Array, Array], float]] = {
    "MeanSquaredError": lambda y, p: np.mean((y - p) ** 2),
    "RootMeanSquaredError": lambda y, p: np.sqrt(np.mean((y - p) ** 2)),
    "MeanAbsoluteError": lambda y, p: np.mean(np.abs(y - p)),
    "CosineSimilarity": lambda y, p: np.mean(_cosine(y, p)),
    "BinaryAccuracy": lambda y, p: np.mean(y == (p > 0.5)),
    "CategoricalAccuracy": lambda y, p: np.mean(y.argmax(-1) == p.argmax(-1)),
    "SparseCategoricalAccuracy": lambda y, p: np.mean(y == p.argmax(-1)),
    "TruePositives": _TP,
    "FalsePositives": _FP,
    "FalseNegatives": _FN,
    "TrueNegatives": _TN,
    "Precision": lambda y, p: _TP(y, p) / max(_TP(y, p) + _FP(y, p), 1),
    "Recall": lambda y, p: _TP(y, p) / max(_TP(y, p) + _FN(y, p), 1),
}
"""Metrics of the steps that count, by the names of their classes, with documented defaults."""


def ctc(labels: Array, logits: Array) -> Array:
    """Connectionist temporal classification: -log of the probability that the steps of logits
    (batch, time, classes) spell the labels (batch, length). Class 0 is blank.

    Graves et al., ICML 2006, equations 5 to 8: alpha[s] is the probability of the first steps
    and of the first s symbols of the labels with blanks between them.
    """
    log_p = ACTIVATIONS["log_softmax"].f(logits)
    losses = []
    for symbols, steps in zip(labels, log_p, strict=True):
        padded = np.zeros(2 * len(symbols) + 1, int)
        padded[1::2] = symbols
        skips = np.r_[False, False, (padded[2:] != 0) & (padded[2:] != padded[:-2])]
        alpha = np.full(len(padded), -np.inf)
        alpha[:2] = steps[0, padded[:2]]
        for step in steps[1:]:
            before = np.r_[-np.inf, alpha[:-1]]
            jumped = np.where(skips, np.r_[-np.inf, -np.inf, alpha[:-2]], -np.inf)
            alpha = np.logaddexp(np.logaddexp(alpha, before), jumped) + step[padded]
        losses.append(-np.logaddexp(*alpha[-2:]))
    return np.array(losses)
