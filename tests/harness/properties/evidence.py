"""The evidence of a statistical property, from finite-sample inequalities only."""

import functools

import numpy as np

from reference import distribution
from reference.distribution import Distribution as Distribution
from reference.distribution import rosenblatt, uniform
from reference.formats import FORMATS
from reference.initializers import LAPACK_THRESHOLD, ExpectedWeights, Haar, orthogonality_residual
from tests.harness.compare.assertions import Mismatch, assert_same, assert_within
from tests.harness.properties.registry import all_properties

FAMILY_ERROR = 1e-9
"""The probability that any statistical property of a run fails although all of them hold."""


RESOLUTION = 2.0**-16
"""A bound of the distance between the distribution function of TensorFlow's random numbers and the
documented one. TensorFlow computes them from 23 random bits, and rounding moves few of them by more
than this."""


AGREEMENT_PROBABILITY = 2.0**-20
"""An upper bound of the probability that two numbers agree, each computed from 23 random bits."""


@functools.cache
def significance_level() -> float:
    """Return the level of one property on one path: FAMILY_ERROR divided by their number."""
    return FAMILY_ERROR / sum(
        len(p.paths) for p in all_properties().values() if p.kind == "statistical"
    )


class Evidence:
    """The evidence against one statistical property on one path.

    entries: (description, logarithm of a p-value). Their number does not depend on the drawn
    numbers, so they share the level of the property. exact_checks: the number of checks without
    statistics.
    """

    def __init__(self):
        self.entries: list[tuple[str, float]] = []
        self.exact_checks = 0

    def check_distribution(
        self, what: str, sample, expected: Distribution, dtype: str = "float32"
    ) -> None:
        """Test that the elements of the sample are independent draws from the distribution.

        Raises Mismatch if an element is outside the support by more than 4 u, or is NaN.
        """
        sample = np.asarray(sample, np.float64)
        self.exact_checks += 1
        low, high = expected.support()
        slack = 4 * FORMATS[dtype].u
        inside = (sample >= low - slack * abs(low)) & (sample <= high + slack * abs(high))
        if not inside.all():  # NaN is not inside
            worst = sample.flat[np.argmin(inside)]
            raise Mismatch(f"{what}: {worst:.9g} is outside [{low:.9g}, {high:.9g}]")
        self._add(f"{what}: distribution", distribution.dkw(sample, expected, RESOLUTION))
        if distribution.is_normal(expected):
            self._add(f"{what}: variance", distribution.chi_square(sample, expected))
        elif np.isfinite([low, high]).all():
            self._add(f"{what}: extremes", distribution.extremes(sample, expected, RESOLUTION))

    def check_probability(self, what: str, outcomes, p: float) -> None:
        """Test that each of these independent outcomes is true with probability p."""
        count, trials = int(np.count_nonzero(outcomes)), np.size(outcomes)
        low, high = distribution.clopper_pearson(count, trials, significance_level())
        self._add(
            f"{what}: {count} of {trials}, so that the probability is in [{low:.4g}, {high:.4g}], "
            f"and not {p:.4g}",
            distribution.binomial(count, trials, p),
        )

    def check_mean(self, what: str, sample, mean: float, low: float, high: float) -> None:
        """Test that independent numbers in [low, high] have that mean."""
        found = float(np.mean(sample))
        self._add(
            f"{what}: average {found:.4g}, and not {mean:.4g}",
            distribution.hoeffding(sample, mean, low, high),
        )

    def check_independence(self, what: str, a, b, p: float = 0.5, q: float | None = None) -> None:
        """Test that events of probability p and q agree as often as independent events do."""
        q = p if q is None else q
        self.check_probability(f"{what} agree", np.equal(a, b), p * q + (1 - p) * (1 - q))

    def check_independent_entries(self, what: str, bits, p: float = 0.5) -> None:
        """Test that events (rows, columns) of probability p are independent, in disjoint pairs."""
        bits = np.asarray(bits)
        rows, columns = (size // 2 for size in bits.shape)
        for how, a, b in (
            ("neighbouring rows", bits[0 : 2 * rows : 2], bits[1 : 2 * rows : 2]),
            ("rows of the two halves", bits[:rows], bits[-rows:]),
            ("neighbouring columns", bits[:, 0 : 2 * columns : 2], bits[:, 1 : 2 * columns : 2]),
            ("columns of the two halves", bits[:, :columns], bits[:, -columns:]),
        ):
            if a.size and min(bits.shape) > 0:
                self.check_independence(f"{what}: {how}", a, b, p)

    def check_haar(self, what: str, matrices) -> None:
        """Test that matrices (rows, columns) with orthonormal columns or rows are uniform."""
        made = [rosenblatt(q if q.shape[0] >= q.shape[1] else q.T) for q in matrices]
        unit = uniform(0, 1)
        parts = {
            "coordinates": np.concatenate([m.uniforms for m in made]),
            "first coordinates": np.concatenate([m.first_uniforms for m in made]),
        }
        for part, sample in parts.items():
            self._add(f"{what}: {part}", distribution.dkw(sample, unit, RESOLUTION))
        self.check_probability(f"{what}: signs", np.concatenate([m.signs for m in made]), 0.5)

    def check_initializer(
        self, what: str, weight, promise: ExpectedWeights, dtype: str = "float32"
    ) -> None:
        """Test a weight against the distribution or the values that its initializer promises."""
        weight = np.asarray(weight, np.float64)
        if isinstance(promise, Distribution):
            self.check_distribution(what, weight, promise, dtype)
        elif isinstance(promise, Haar):
            self.check_orthogonality(what, weight, promise.gain, dtype)
            self.check_haar(what, [weight / promise.gain])
        else:
            self.check_equal(what, weight, promise.astype(dtype))

    def check_orthogonality(self, what: str, weight, gain: float, dtype: str = "float32") -> None:
        """Raise Mismatch unless the residual of Q^T Q = gain^2 I is below LAPACK_THRESHOLD."""
        self.exact_checks += 1
        residual = orthogonality_residual(weight, dtype, gain)
        if not residual < LAPACK_THRESHOLD:
            raise Mismatch(f"{what}: ||Q^T Q - g^2 I|| / (g^2 n eps) is {residual:.3g}")

    def check_equal(self, what: str, got, expected) -> None:
        """Raise Mismatch unless two arrays are equal."""
        self.exact_checks += 1
        assert_same(what, got, expected)

    def check_scale(self, what: str, kept, rate: float, dtype: str = "float32") -> None:
        """Raise Mismatch unless all numbers are 1 / (1 - rate), within three roundings.

        The subtraction 1 - rate amplifies the rounding of rate by rate / (1 - rate).
        """
        self.exact_checks += 1
        scale = 1 / (1 - rate)
        bound = (2 + rate * scale) * FORMATS[dtype].u * scale
        expected = np.full(np.shape(kept), scale)
        assert_within(what, kept, expected, np.full_like(expected, bound), dtype)

    def check_different(self, what: str, a, b) -> None:
        """Test that draws from different seeds differ.

        Single numbers may agree by chance. A test of four or more numbers fails if all agree.
        """
        n = np.size(a)
        agreeing = int(np.count_nonzero(np.asarray(a) == np.asarray(b)))
        self._add(
            f"{what}: {agreeing} of {n} numbers agree",
            distribution.binomial(agreeing, n, AGREEMENT_PROBABILITY),
        )

    def _add(self, what: str, log_p: float) -> None:
        self.entries.append((what, log_p))

    def decide(self) -> float:
        """Return the largest log(p) / log(level); raise Mismatch if it exceeds 1.

        The entries share the level of the property equally.
        """
        if not self.entries:
            return 0.0
        bound = float(np.log(significance_level() / len(self.entries)))
        what, log_p = min(self.entries, key=lambda entry: entry[1])
        if log_p < bound:
            raise Mismatch(
                f"{what}; if the documentation holds, the probability is at most exp({log_p:.4g}), "
                f"which is below the level exp({bound:.4g})"
            )
        return log_p / bound
