"""Evidence for or against a law, with finite-sample inequalities only."""

import functools

import numpy as np

from reference import distribution
from reference.distribution import Distribution as Distribution
from reference.distribution import rosenblatt, uniform
from reference.initializers import LAPACK_THRESHOLD, ExpectedWeights, Haar, orthogonality_residual
from reference.rounding import FORMATS
from tests.harness.compare.assertions import Mismatch, assert_same, assert_within
from tests.harness.properties.registry import all_properties

FAMILY_ERROR = 1e-9
"""How probable it may be that a whole run rejects any law although all of them hold."""


RESOLUTION = 2.0**-16
"""How far the distribution function of TensorFlow's random numbers may be from the documented one:
they are made from 23 random bits, and rounding moves few of them by more than that."""


AGREEMENT_PROBABILITY = 2.0**-20
"""How probable it is, at most, that two numbers agree that are made from 23 random bits each."""


@functools.cache
def significance_level() -> float:
    """The level of one law on one path: FAMILY, divided by the number of those."""
    return FAMILY_ERROR / sum(
        len(p.paths) for p in all_properties().values() if p.kind == "statistical"
    )


class Evidence:
    """What one law has shown on one path: names, and log-probabilities if the law holds.

    The number of entries does not depend on what is drawn, so that they share the law's level.
    """

    def __init__(self):
        self.entries: list[tuple[str, float]] = []
        self.exact_checks = 0

    def check_distribution(
        self, what: str, sample, law: Distribution, dtype: str = "float32"
    ) -> None:
        """The elements of the sample are draws from that law; beyond its interval lies none."""
        sample = np.asarray(sample, np.float64)
        self.exact_checks += 1
        ends = np.array([law.low, law.high])
        allowed = 4 * FORMATS[dtype].u * np.abs(ends)
        outside = ~((sample >= law.low - allowed[0]) & (sample <= law.high + allowed[1]))  # or NaN
        if outside.any():
            worst = sample.flat[np.argmax(outside)]
            raise Mismatch(f"{what}: {worst:.9g} is outside [{law.low:.9g}, {law.high:.9g}]")
        self._add(f"{what}: distribution", distribution.dkw(sample, law, RESOLUTION))
        if law.stddev is not None:
            self._add(f"{what}: variance", distribution.chi_square(sample, law))
        elif np.isfinite(ends).all():
            self._add(f"{what}: extremes", distribution.extremes(sample, law, RESOLUTION))

    def check_probability(self, what: str, outcomes, p: float) -> None:
        """Each of these independent outcomes is true with probability p."""
        count, trials = int(np.count_nonzero(outcomes)), np.size(outcomes)
        low, high = distribution.clopper_pearson(count, trials, significance_level())
        self._add(
            f"{what}: {count} of {trials}, so that the probability is in [{low:.4g}, {high:.4g}], "
            f"and not {p:.4g}",
            distribution.binomial(count, trials, p),
        )

    def check_mean(self, what: str, sample, mean: float, low: float, high: float) -> None:
        """Independent numbers in [low, high] have that mean."""
        found = float(np.mean(sample))
        self._add(
            f"{what}: average {found:.4g}, and not {mean:.4g}",
            distribution.hoeffding(sample, mean, low, high),
        )

    def check_independence(self, what: str, a, b, p: float = 0.5, q: float | None = None) -> None:
        """Events of probability p and q, independent of each other, agree as often as those."""
        q = p if q is None else q
        self.check_probability(f"{what} agree", np.equal(a, b), p * q + (1 - p) * (1 - q))

    def check_independent_entries(self, what: str, bits, p: float = 0.5) -> None:
        """Entries (rows, columns) of a matrix of events of probability p, in disjoint pairs."""
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
        """Draws of any shapes (rows, columns), with orthonormal columns or rows, are uniform."""
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
        """A weight is what its initializer promises, whichever kind of promise it is."""
        weight = np.asarray(weight, np.float64)
        if isinstance(promise, Distribution):
            self.check_distribution(what, weight, promise, dtype)
        elif isinstance(promise, Haar):
            self.check_orthogonality(what, weight, promise.gain, dtype)
            self.check_haar(what, [weight / promise.gain])
        else:
            self.check_equal(what, weight, promise.astype(dtype))

    def check_orthogonality(self, what: str, weight, gain: float, dtype: str = "float32") -> None:
        self.exact_checks += 1
        residual = orthogonality_residual(weight, dtype, gain)
        if not residual < LAPACK_THRESHOLD:
            raise Mismatch(f"{what}: ||Q^T Q - g^2 I|| / (g^2 n eps) is {residual:.3g}")

    def check_equal(self, what: str, got, expected) -> None:
        """Equal in every bit."""
        self.exact_checks += 1
        assert_same(what, got, expected)

    def check_scale(self, what: str, kept, rate: float, dtype: str = "float32") -> None:
        """All numbers are 1 / (1 - rate): three roundings, the first of rate, which 1 - rate
        enlarges by rate / (1 - rate)."""
        self.exact_checks += 1
        scale = 1 / (1 - rate)
        bound = (2 + rate * scale) * FORMATS[dtype].u * scale
        expected = np.full(np.shape(kept), scale)
        assert_within(what, kept, expected, np.full_like(expected, bound), dtype)

    def check_different(self, what: str, a, b) -> None:
        """Draws from different seeds are not the same: a few numbers may agree by chance, of four
        or more never all."""
        n = np.size(a)
        agreeing = int(np.count_nonzero(np.asarray(a) == np.asarray(b)))
        self._add(
            f"{what}: {agreeing} of {n} numbers agree",
            distribution.binomial(agreeing, n, AGREEMENT_PROBABILITY),
        )

    def _add(self, what: str, log_p: float) -> None:
        self.entries.append((what, log_p))

    def decide(self) -> float:
        """The largest log(p) / log(level), or Mismatch if it is above 1: what is that improbable
        is no chance. The entries share the level of one law."""
        if not self.entries:
            return 0.0
        bound = float(np.log(significance_level() / len(self.entries)))
        what, log_p = min(self.entries, key=lambda entry: entry[1])
        if log_p < bound:
            raise Mismatch(
                f"{what}; as improbable as exp({log_p:.4g}) at most if the law holds, and below "
                f"exp({bound:.4g}) it is rejected"
            )
        return log_p / bound
