"""Finite-sample tests: how probable, at most, it is to see what was seen if a law holds.

Each test returns the natural logarithm of an upper bound on that probability. The bound holds for
every sample size: there is no asymptotic p-value here. A test at level alpha rejects where the
bound is below log(alpha), and then rejects what is right with probability alpha at most.

Samples are arrays of any shape whose elements are independent under the law that is tested.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from reference.activations import Array

LOG_2 = float(np.log(2))


@dataclass(frozen=True)
class Distribution:
    """The law of a random number: its distribution function, and the interval that it lies in.

    stddev: given for a normal law alone, whose sum of squares has an exact law.
    """

    cdf: Callable[[Array], Array]
    low: float = -np.inf
    high: float = np.inf
    mean: float = 0.0
    stddev: float | None = None


def uniform(low: float, high: float) -> Distribution:
    return Distribution(lambda x: np.clip((x - low) / (high - low), 0, 1), low, high)


def normal(mean: float, stddev: float) -> Distribution:
    return Distribution(lambda x: special.ndtr((x - mean) / stddev), mean=mean, stddev=stddev)


def truncated_normal(mean: float, stddev: float) -> Distribution:
    """A normal law "except that values more than two standard deviations from the mean are
    discarded and re-drawn" (TruncatedNormal); `stddev` is the one before truncation."""
    below, within = special.ndtr(-2), special.ndtr(2) - special.ndtr(-2)

    def cdf(x):
        return np.clip((special.ndtr((x - mean) / stddev) - below) / within, 0, 1)

    return Distribution(cdf, mean - 2 * stddev, mean + 2 * stddev)


TRUNCATED_STDDEV = float(np.sqrt(1 - 4 * np.exp(-2) / np.sqrt(2 * np.pi) / special.erf(np.sqrt(2))))
"""The standard deviation of a standard normal number after truncation at two of them."""


def ks_distance(sample: Array, expected: Distribution) -> float:
    """sup |F_n - F| of the empirical distribution function and the law's."""
    f = np.sort(expected.cdf(np.ravel(sample)))
    n = len(f)
    above, below = np.arange(1, n + 1) / n - f, f - np.arange(n) / n
    return float(max(above.max(), below.max()))


def dkw(sample: Array, expected: Distribution, resolution: float = 0.0) -> float:
    """P(sup |F_n - F| >= d) <= 2 exp(-2 n d^2) (Dvoretzky, Kiefer and Wolfowitz, 1956, with the
    constant of Massart, Annals of Probability 18, 1990).

    resolution: how far, at most, the distribution function of numbers with finitely many digits
    is from the law's.
    """
    d = max(0.0, ks_distance(sample, expected) - resolution)
    return min(0.0, LOG_2 - 2 * np.size(sample) * d**2)


def extremes(sample: Array, expected: Distribution, resolution: float = 0.0) -> float:
    """P(max <= b) = F(b)^n and P(min >= a) = (1 - F(a))^n: whether the interval is filled.

    That no number lies beyond it needs no statistics, and is not tested here.
    """
    n = np.size(sample)
    top = min(1.0, float(expected.cdf(np.max(sample))) + resolution)
    bottom = max(0.0, float(expected.cdf(np.min(sample))) - resolution)
    with np.errstate(divide="ignore"):
        return min(0.0, LOG_2 + n * min(float(np.log(top)), float(np.log1p(-bottom))))


def binomial(successes: int, trials: int, p: float) -> float:
    """The exact tails of the binomial law, the smaller one twice."""
    lower = stats.binom.logcdf(successes, trials, p)
    upper = stats.binom.logsf(successes - 1, trials, p)
    return min(0.0, LOG_2 + float(min(lower, upper)))


def clopper_pearson(successes: int, trials: int, alpha: float) -> tuple[float, float]:
    """The interval of all p that an exact binomial test at level alpha does not reject (Clopper
    and Pearson, Biometrika 26, 1934)."""
    low = stats.beta.ppf(alpha / 2, successes, trials - successes + 1) if successes else 0.0
    high = stats.beta.isf(alpha / 2, successes + 1, trials - successes)
    return float(low), float(high) if successes < trials else 1.0


def median_interval(sample: Array, alpha: float = 0.05) -> tuple[float, float]:
    """The narrowest two order statistics of equal rank from either end that have the median between
    them with probability 1 - alpha or more, whatever the law: the inversion of the sign test. The
    whole range, where the sample is too small for that."""
    ordered = np.sort(sample, axis=None)
    k = max(int(stats.binom.ppf(alpha / 2, len(ordered), 0.5)), 1)  # P(Bin(n, 1/2) < k) <= alpha/2
    return float(ordered[k - 1]), float(ordered[-k])


def hoeffding(sample: Array, mean: float, low: float, high: float) -> float:
    """P(|mean of n numbers in [low, high] - mean| >= d) <= 2 exp(-2 n d^2 / (high - low)^2)
    (Hoeffding, Journal of the American Statistical Association 58, 1963)."""
    d = abs(float(np.mean(sample)) - mean) / (high - low)
    return min(0.0, LOG_2 - 2 * np.size(sample) * d**2)


def chi_square(sample: Array, expected: Distribution) -> float:
    """The sum of n squared standard normal numbers has a chi-square law with n degrees of freedom:
    its exact tails, the smaller one twice."""
    total = float(np.sum(((sample - expected.mean) / expected.stddev) ** 2))
    n = np.size(sample)
    lower, upper = stats.chi2.logcdf(total, n), stats.chi2.logsf(total, n)
    return min(0.0, LOG_2 + float(min(lower, upper)))


@dataclass(frozen=True)
class Rosenblatt:
    """What an orthogonal matrix is made of: independent numbers with known laws.

    uniforms: uniform on (0, 1). first: those of them, one a column, that a QR decomposition
    without correction of signs gets wrong. signs: fair, one a column.
    """

    uniforms: Array
    first_uniforms: Array
    signs: Array


def rosenblatt(q: Array) -> Rosenblatt:
    """Rosenblatt's transformation (Annals of Mathematical Statistics 23, 1952) of the uniform law
    on matrices (m, k), m >= k, with orthonormal columns: Haar on O(m), if m = k.

    The first column is uniform on the sphere, so its coordinates x_i, with r_i^2 the sum of the
    squares of those after i, are such that x_i^2 / (x_i^2 + r_i^2) ~ Beta(1/2, (m - i) / 2) for
    i = 1 ... m - 1, with fair signs, all independent. A Householder reflection that maps this
    column to the first axis maps the other columns to a matrix (m - 1, k - 1) with the same
    uniform law, independent of the first (Diaconis and Shahshahani, Probability in the Engineering
    and Informational Sciences 1, 1987). So the numbers below are independent and uniform if and
    only if the matrix has the uniform law.
    """
    q = np.array(q, np.float64)
    m, k = q.shape
    values, rests, orders, signs, first = [], [], [], [], []
    for j in range(k):
        x = q[:, 0]
        squares = x**2
        rests.append(np.cumsum(squares[:0:-1])[::-1])
        values.append(x[:-1])
        orders.append(np.arange(m - j - 1, 0, -1) / 2)
        signs.append(x[-1] >= 0)
        if len(x) > 1:
            first.append(sum(map(len, values)) - len(x) + 1)
        v = x.copy()
        v[0] += np.copysign(np.sqrt(squares.sum()), x[0])
        q = q[:, 1:] - np.outer(v, (2 / (v @ v)) * (v @ q[:, 1:]))
        q = q[1:]
    x, r, b = (np.concatenate(part) for part in (values, rests, orders))
    inner = special.betainc(0.5, b, x**2 / (x**2 + r))
    outer = 1 - special.betainc(b, 0.5, r / (x**2 + r))  # precise where the other is not
    inside = np.where(x**2 < r, inner, outer)
    uniforms = (1 + np.copysign(inside, x)) / 2
    return Rosenblatt(uniforms, uniforms[first], np.array(signs))
