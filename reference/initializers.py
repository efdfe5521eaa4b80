"""What the initializers promise, of each single draw and of the distribution of draws."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reference.distribution import TRUNCATED_STDDEV, Distribution, normal, truncated_normal, uniform
from reference.formats import FORMATS, Array


def glorot_limit(fan_in: int, fan_out: int) -> float:
    """Return the limit of GlorotUniform: "Draws samples from a uniform distribution within
    `[-limit, limit]`, where `limit = sqrt(6 / (fan_in + fan_out))`" (Glorot and Bengio, AISTATS
    2010)."""
    return float(np.sqrt(6 / (fan_in + fan_out)))


def glorot_excess(weights: Array, dtype: str) -> float:
    """Return the largest |w| / (limit (1 + 4 u)) of a (fan_in, fan_out) matrix.

    It is at most 1 for a correct initializer: rounding moves a weight by a factor of up to 1 + 4 u.
    """
    largest = np.max(np.abs(weights.astype(np.float64)), initial=0)
    return float(largest / (glorot_limit(*weights.shape) * (1 + 4 * FORMATS[dtype].u)))


LAPACK_THRESHOLD = 30
"""LAPACK's own test programs accept a factor Q up to this residual (TESTING/LIN/dqrt01.f)."""


def orthogonality_residual(q: Array, dtype: str, gain: float = 1.0) -> float:
    """Return ||Q^T Q - gain^2 I|| / (gain^2 n eps) in the 1-norm, n the smaller dimension of Q.

    It is below LAPACK_THRESHOLD for a correct orthogonal initializer of any size and precision.
    """
    q = q.astype(FORMATS[dtype].wide)
    if q.shape[0] < q.shape[1]:
        q = q.T
    n = q.shape[1]
    error = np.abs(q.T @ q - gain**2 * np.eye(n)).sum(axis=0).max()
    return float(error / (gain**2 * n * 2 * FORMATS[dtype].u))


@dataclass(frozen=True)
class Haar:
    """The distribution of orthonormal columns, or of rows if there are fewer rows, times `gain`.

    Orthogonal: "obtained from the QR decomposition of a matrix of random numbers drawn from a
    normal distribution". A QR decomposition is unique up to signs. With the signs that make the
    diagonal of R positive, the distribution is uniform (Mezzadri, Notices of the AMS 54, 2007;
    Saxe et al., 2014, which the documentation cites).
    """

    gain: float


ExpectedWeights: TypeAlias = Distribution | Haar | Array
"""The distribution of each entry of a weight, the joint distribution of all, or their values."""


def variance_scaling(
    shape: tuple[int, ...],
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
) -> Distribution:
    """Return the distribution that VarianceScaling documents for a weight of that shape.

    "a truncated/untruncated normal distribution with a mean of zero and a standard deviation (after
    truncation, if used) `stddev = sqrt(scale / n)`", or "a uniform distribution within
    `[-limit, limit]`, where `limit = sqrt(3 * scale / n)`", with n the "number of input units",
    "number of output units" or their average.
    """
    n = {"fan_in": shape[0], "fan_out": shape[-1], "fan_avg": (shape[0] + shape[-1]) / 2}[mode]
    stddev = float(np.sqrt(scale / n))
    if distribution == "uniform":
        return uniform(-np.sqrt(3) * stddev, np.sqrt(3) * stddev)
    if distribution == "untruncated_normal":
        return normal(0, stddev)
    return truncated_normal(0, stddev / TRUNCATED_STDDEV)


def _scaling(scale: float, mode: str, distribution: str) -> Callable[..., Distribution]:
    return lambda shape: variance_scaling(shape, scale, mode, distribution)


INITIALIZERS: dict[str, Callable[..., ExpectedWeights]] = {
    "zeros": np.zeros,
    "ones": np.ones,
    "constant": lambda shape, value=0.0: np.full(shape, value),
    "identity": lambda shape, gain=1.0: gain * np.eye(*shape),
    "orthogonal": lambda shape, gain=1.0: Haar(gain),
    # "Draws samples from a uniform distribution for given parameters", "a normal distribution".
    "random_uniform": lambda shape, minval=-0.05, maxval=0.05: uniform(minval, maxval),
    "random_normal": lambda shape, mean=0.0, stddev=0.05: normal(mean, stddev),
    "truncated_normal": lambda shape, mean=0.0, stddev=0.05: truncated_normal(mean, stddev),
    "variance_scaling": variance_scaling,
    "glorot_uniform": _scaling(1, "fan_avg", "uniform"),  # limit = sqrt(6 / (fan_in + fan_out))
    "glorot_normal": _scaling(1, "fan_avg", "normal"),  # stddev = sqrt(2 / (fan_in + fan_out))
    "he_uniform": _scaling(2, "fan_in", "uniform"),  # limit = sqrt(6 / fan_in)
    "he_normal": _scaling(2, "fan_in", "normal"),  # stddev = sqrt(2 / fan_in)
    "lecun_uniform": _scaling(1, "fan_in", "uniform"),  # limit = sqrt(3 / fan_in)
    "lecun_normal": _scaling(1, "fan_in", "normal"),  # stddev = sqrt(1 / fan_in)
}
"""The distribution that each documented initializer promises for a shape and its arguments.

GlorotNormal, HeNormal and LecunNormal document a truncated normal distribution.
"""
