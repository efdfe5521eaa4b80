"""What the default initializers promise of every single draw."""

import numpy as np

from reference.activations import Array
from reference.rounding import FORMATS


def glorot_limit(fan_in: int, fan_out: int) -> float:
    """GlorotUniform: "Draws samples from a uniform distribution within `[-limit, limit]`, where
    `limit = sqrt(6 / (fan_in + fan_out))`" (Glorot and Bengio, AISTATS 2010)."""
    return float(np.sqrt(6 / (fan_in + fan_out)))


def glorot_excess(weights: Array, dtype: str) -> float:
    """The largest |w| / limit of a (fan_in, fan_out) matrix; rounding allows up to 1 + 4 u."""
    largest = np.max(np.abs(weights.astype(np.float64)), initial=0)
    return float(largest / (glorot_limit(*weights.shape) * (1 + 4 * FORMATS[dtype].u)))


LAPACK_THRESHOLD = 30
"""LAPACK's own test programs accept a factor Q up to this residual (TESTING/LIN/dqrt01.f)."""


def orthogonality_residual(q: Array, dtype: str, gain: float = 1.0) -> float:
    """||Q^T Q - gain^2 I|| / (gain^2 n eps) in the 1-norm, with the n smaller dimension of Q.

    For a correct orthogonal initializer it is below LAPACK_THRESHOLD at any size and precision.
    """
    q = q.astype(FORMATS[dtype].wide)
    if q.shape[0] < q.shape[1]:
        q = q.T
    n = q.shape[1]
    error = np.abs(q.T @ q - gain**2 * np.eye(n)).sum(axis=0).max()
    return float(error / (gain**2 * n * 2 * FORMATS[dtype].u))
