"""The finite-sample tests: their levels, by exact distributions, and their power."""

from fractions import Fraction
from math import comb, exp, log

import numpy as np
import pytest
from scipy import stats

from reference import distribution
from reference.distribution import (
    TRUNCATED_STDDEV,
    normal,
    rosenblatt,
    truncated_normal,
    uniform,
)
from reference.initializers import INITIALIZERS, glorot_limit
from tests.harness.compare.assertions import Mismatch
from tests.harness.properties import statistical
from tests.harness.properties.evidence import RESOLUTION, Evidence, significance_level
from tests.harness.properties.registry import all_properties

UNIT = uniform(0, 1)


def exact_binomial(trials: int, p: Fraction) -> list[Fraction]:
    return [comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(trials + 1)]


@pytest.mark.parametrize("p", [Fraction(1, 2), Fraction(3, 10), Fraction(1, 500)])
@pytest.mark.parametrize("trials", [1, 2, 7, 40])
def test_the_binomial_tails_are_exact(trials, p):
    weights = exact_binomial(trials, p)
    for k in range(trials + 1):
        tail = min(sum(weights[: k + 1]), sum(weights[k:]))
        expected = min(0.0, log(2) + log(tail))
        assert distribution.binomial(k, trials, float(p)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.3, 0.05, 1e-4])
@pytest.mark.parametrize("p", [Fraction(1, 2), Fraction(3, 10)])
def test_the_binomial_test_keeps_its_level(p, alpha):
    weights = exact_binomial(40, p)
    rejected = [k for k in range(41) if distribution.binomial(k, 40, float(p)) < log(alpha)]
    assert rejected
    assert sum(weights[k] for k in rejected) <= alpha


@pytest.mark.parametrize("n", [1, 2, 5, 20, 100])
def test_dkw_bound_is_above_the_exact_probability(n):
    for d in np.linspace(0.01, 0.99, 50):
        sample = np.arange(1, n + 1) / n - d / 2  # any sample; its distance is computed below
        bound = log(2) - 2 * n * d**2
        assert stats.kstwo.sf(d, n) <= exp(min(0.0, bound)) * (1 + 1e-9)
        at = distribution.ks_distance(sample, UNIT)
        assert distribution.dkw(sample, UNIT) == pytest.approx(min(0, log(2) - 2 * n * at**2))


@pytest.mark.parametrize("n", [1, 3, 50])
def test_distance_is_the_largest_gap_of_distribution_functions(n):
    sample = np.random.default_rng(n).beta(2, 3, n)
    steps = [np.mean(sample <= x) - x for x in sample] + [x - np.mean(sample < x) for x in sample]
    assert distribution.ks_distance(sample, UNIT) == pytest.approx(max(steps), abs=1e-14)


@pytest.mark.parametrize("alpha", [0.2, 1e-3])
@pytest.mark.parametrize("n", [1, 4, 100])
def test_extremes_test_keeps_its_level(n, alpha):
    # Rejected where max <= (alpha / 2)^(1/n), or min >= 1 minus that: each with alpha / 2.
    edge = (alpha / 2) ** (1 / n)
    inside, outside = edge + (1 - edge) * 1e-6, edge * (1 - 1e-6)
    low = np.full(n, 1e-9)
    assert distribution.extremes(np.append(low[1:], inside), UNIT) >= log(alpha)
    assert distribution.extremes(np.append(low[1:], outside), UNIT) < log(alpha)
    assert distribution.extremes(1 - np.append(low[1:], inside), UNIT) >= log(alpha)
    assert distribution.extremes(1 - np.append(low[1:], outside), UNIT) < log(alpha)


@pytest.mark.parametrize("n", [1, 10, 60])
def test_hoeffding_bound_is_above_the_exact_probability(n):
    weights = exact_binomial(n, Fraction(3, 10))
    for k in range(n + 1):
        sample = np.repeat([5.0, -1.0], [k, n - k])  # 6 Bernoulli(0.3) - 1
        bound = distribution.hoeffding(sample, 0.8, -1, 5)
        as_far = sum(w for j, w in enumerate(weights) if abs(10 * j - 3 * n) >= abs(10 * k - 3 * n))
        assert as_far <= exp(bound) * (1 + 1e-9)


def test_chi_square_tails_match_a_normal_number():
    law = normal(2.0, 3.0)
    for x in (0.1, 1.0, 4.0, 20.0):
        tail = min(2 * stats.norm.sf(x / 3), 1 - 2 * stats.norm.sf(x / 3))
        expected = min(0.0, log(2 * tail))
        assert distribution.chi_square(np.array([2.0 + x]), law) == pytest.approx(expected)


@pytest.mark.parametrize("successes", [0, 1, 17, 49, 50])
def test_clopper_pearson_interval_inverts_the_binomial_test(successes):
    low, high = distribution.clopper_pearson(successes, 50, 0.01)
    assert 0 <= low <= successes / 50 <= high <= 1
    for p, accepted in ((low * 0.999, False), (low * 1.001, True)):
        if 0 < p < 1:
            assert (distribution.binomial(successes, 50, p) >= log(0.01)) == accepted
    for p, accepted in ((high * 1.001, False), (high * 0.999, True)):
        if 0 < p < 1:
            assert (distribution.binomial(successes, 50, p) >= log(0.01)) == accepted


def test_truncated_normal_has_the_documented_density():
    # a normal distribution between -2 and 2 standard deviations, divided by its mass there
    x = np.linspace(-2.5, 3.5, 101)
    within = stats.norm.cdf(2) - stats.norm.cdf(-2)
    expected = np.clip((stats.norm.cdf((x - 0.5) / 1.5) - stats.norm.cdf(-2)) / within, 0, 1)
    law = truncated_normal(0.5, 1.5)
    np.testing.assert_allclose(law.cdf(x), expected, atol=1e-14)
    assert law.support() == (-2.5, 3.5)
    variance = 1 - 4 * stats.norm.pdf(2) / within
    assert np.sqrt(variance) == pytest.approx(TRUNCATED_STDDEV, rel=1e-12)


@pytest.mark.parametrize("name", [n for n in INITIALIZERS if n.endswith(("_uniform", "_normal"))])
def test_initializer_variance_is_the_documented_one(name):
    law = INITIALIZERS[name]((30, 70))
    x = np.linspace(*np.clip(law.support(), -2, 2), 400_001)
    mass = np.diff(law.cdf(x))
    variance = np.sum(mass * ((x[1:] + x[:-1]) / 2) ** 2)
    glorot, he, lecun = 2 / 100, 2 / 30, 1 / 30
    family = {"glorot": glorot, "he": he, "lecun": lecun, "random": 0.05**2}
    expected = family.get(name.split("_")[0], (0.05 * TRUNCATED_STDDEV) ** 2)
    expected /= 3 if name == "random_uniform" else 1
    assert variance == pytest.approx(expected, rel=1e-6)
    if name == "glorot_uniform":
        assert law.support()[1] == pytest.approx(glorot_limit(30, 70), rel=1e-15)


# ------------------------------------------------------------------------------ orthogonal matrices


def haar(m: int, k: int, seed: int) -> np.ndarray:
    """Return k columns of a random orthogonal matrix (m, m): a Haar matrix if k = m."""
    return stats.ortho_group.rvs(m, random_state=seed)[:, :k]


def test_rosenblatt_maps_circle_angle_to_uniform_number():
    for angle in np.linspace(-3.1, 3.1, 40):
        q = np.array([[np.cos(angle)], [np.sin(angle)]])
        made = rosenblatt(q)
        # P(cos <= c) = 1 - arccos(c) / pi for an angle uniform on the circle
        assert made.uniforms == pytest.approx([1 - np.arccos(np.cos(angle)) / np.pi], abs=1e-12)
        assert made.signs.tolist() == [np.sin(angle) >= 0]


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (7, 3), (9, 1), (60, 60)])
def test_rosenblatt_count_is_the_manifold_dimension(shape):
    m, k = shape
    made = rosenblatt(haar(m, k, 0))
    assert len(made.uniforms) == m * k - k * (k + 1) // 2
    assert len(made.signs) == k
    assert len(made.first_uniforms) == k - (m == k)


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (4, 2), (12, 12)])
def test_haar_matrices_pass_and_biased_ones_fail(shape):
    draws = [haar(*shape, seed) for seed in range(600)]
    evidence = Evidence()
    evidence.check_haar("right", draws)
    evidence.decide()
    evidence.check_haar("one column negative", [abs(q) for q in draws])
    with pytest.raises(Mismatch, match="one column negative"):
        evidence.decide()


def test_float32_error_is_below_the_resolution():
    q = haar(256, 256, 1)
    moved = rosenblatt(q.astype(np.float32)).uniforms - rosenblatt(q).uniforms
    assert np.mean(np.abs(moved) > RESOLUTION) < RESOLUTION


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.001])
@pytest.mark.parametrize("law", [uniform(-1, 1), truncated_normal(0, 0.5)])
def test_one_number_outside_the_interval_is_rejected(law, wrong):
    sample = np.random.default_rng(0).uniform(-1, 1, 9)
    Evidence().check_distribution("inside", sample, law)
    with pytest.raises(Mismatch, match="outside"):
        Evidence().check_distribution("one outside", np.append(sample, wrong), law)


def test_nan_is_rejected_for_a_normal_distribution():
    with pytest.raises(Mismatch, match="nan is outside"):
        Evidence().check_distribution("NaN", [0.0, np.nan], normal(0, 1))


# --------------------------------------------------------------------------------- the family error


def test_statistical_levels_add_up_to_the_family_error():
    tests = [p for p in all_properties().values() if isinstance(p, statistical.StatisticalProperty)]
    assert len(tests) > 30
    assert sum(significance_level() * len(law.paths) for law in tests) == pytest.approx(1e-9)


@pytest.mark.parametrize("entries", [1, 20])
def test_entries_share_the_level_of_a_property(entries):
    bound = log(significance_level() / entries)
    evidence = Evidence()
    evidence.entries = [("likely", -1.0)] * (entries - 1) + [("at the bound", bound * 0.999)]
    assert evidence.decide() == pytest.approx(0.999)
    evidence.entries[-1] = ("beyond", bound * 1.001)
    with pytest.raises(Mismatch, match="beyond"):
        evidence.decide()
