"""From a law and a body that gathers evidence for or against it to a test on each path.

A law is tested on draws of a fixed number with a fixed seed, or a fresh one, and never under
`@given`: a search finds the unlucky seed.
"""

import contextlib
import functools
import random
from collections.abc import Callable, Collection

import numpy as np
import pytest

from reference import distribution
from reference.distribution import Law as Distribution
from reference.distribution import rosenblatt, uniform
from reference.initializers import LAPACK_THRESHOLD, Haar, Promise, orthogonality_residual
from reference.rounding import FORMATS
from tests.harness import deviations, layer, session
from tests.harness.compare import Mismatch, assert_same, assert_within
from tests.harness.paths import EAGER, Path
from tests.harness.properties import PROPERTIES, all_properties, begin, expecting
from tests.harness.releases import tf

FAMILY = 1e-9
"""How probable it may be that a whole run rejects any law although all of them hold."""

RESOLUTION = 2.0**-16
"""How far the distribution function of TensorFlow's random numbers may be from the documented one:
they are made from 23 random bits, and rounding moves few of them by more than that."""

AGREE = 2.0**-20
"""How probable it is, at most, that two numbers agree that are made from 23 random bits each."""


@functools.cache
def level() -> float:
    """The level of one law on one path: FAMILY, divided by the number of those."""
    return FAMILY / sum(len(p.on) for p in all_properties().values() if isinstance(p, Law))


class Evidence:
    """What one law has shown on one path: names, and log-probabilities if the law holds.

    The number of entries does not depend on what is drawn, so that they share the law's level.
    """

    def __init__(self):
        self.seen: list[tuple[str, float]] = []
        self.exact = 0

    def follows(self, what: str, sample, law: Distribution, dtype: str = "float32") -> None:
        """The elements of the sample are draws from that law; beyond its interval lies none."""
        sample = np.asarray(sample, np.float64)
        self.exact += 1
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

    def happens(self, what: str, outcomes, p: float) -> None:
        """Each of these independent outcomes is true with probability p."""
        count, trials = int(np.count_nonzero(outcomes)), np.size(outcomes)
        low, high = distribution.clopper_pearson(count, trials, level())
        self._add(
            f"{what}: {count} of {trials}, so that the probability is in [{low:.4g}, {high:.4g}], "
            f"and not {p:.4g}",
            distribution.binomial(count, trials, p),
        )

    def averages(self, what: str, sample, mean: float, low: float, high: float) -> None:
        """Independent numbers in [low, high] have that mean."""
        found = float(np.mean(sample))
        self._add(
            f"{what}: average {found:.4g}, and not {mean:.4g}",
            distribution.hoeffding(sample, mean, low, high),
        )

    def independent(self, what: str, a, b, p: float = 0.5, q: float | None = None) -> None:
        """Events of probability p and q, independent of each other, agree as often as those."""
        q = p if q is None else q
        self.happens(f"{what} agree", np.equal(a, b), p * q + (1 - p) * (1 - q))

    def entries_are_independent(self, what: str, bits, p: float = 0.5) -> None:
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
                self.independent(f"{what}: {how}", a, b, p)

    def is_uniform_on_orthogonal_matrices(self, what: str, matrices) -> None:
        """Draws of any shapes (rows, columns), with orthonormal columns or rows, are uniform."""
        made = [rosenblatt(q if q.shape[0] >= q.shape[1] else q.T) for q in matrices]
        unit = uniform(0, 1)
        parts = {
            "coordinates": np.concatenate([m.uniforms for m in made]),
            "first coordinates": np.concatenate([m.first for m in made]),
        }
        for part, sample in parts.items():
            self._add(f"{what}: {part}", distribution.dkw(sample, unit, RESOLUTION))
        self.happens(f"{what}: signs", np.concatenate([m.signs for m in made]), 0.5)

    def promised(self, what: str, weight, promise: Promise, dtype: str = "float32") -> None:
        """A weight is what its initializer promises, whichever kind of promise it is."""
        weight = np.asarray(weight, np.float64)
        if isinstance(promise, Distribution):
            self.follows(what, weight, promise, dtype)
        elif isinstance(promise, Haar):
            self.orthogonal(what, weight, promise.gain, dtype)
            self.is_uniform_on_orthogonal_matrices(what, [weight / promise.gain])
        else:
            self.same(what, weight, promise.astype(dtype))

    def orthogonal(self, what: str, weight, gain: float, dtype: str = "float32") -> None:
        self.exact += 1
        residual = orthogonality_residual(weight, dtype, gain)
        if not residual < LAPACK_THRESHOLD:
            raise Mismatch(f"{what}: ||Q^T Q - g^2 I|| / (g^2 n eps) is {residual:.3g}")

    def same(self, what: str, got, expected) -> None:
        """Equal in every bit."""
        self.exact += 1
        assert_same(what, got, expected)

    def scaled(self, what: str, kept, rate: float, dtype: str = "float32") -> None:
        """All numbers are 1 / (1 - rate): three roundings, the first of rate, which 1 - rate
        enlarges by rate / (1 - rate)."""
        self.exact += 1
        scale = 1 / (1 - rate)
        bound = (2 + rate * scale) * FORMATS[dtype].u * scale
        expected = np.full(np.shape(kept), scale)
        assert_within(what, kept, expected, np.full_like(expected, bound), dtype)

    def differ(self, what: str, a, b) -> None:
        """Draws from different seeds are not the same: a few numbers may agree by chance, of four
        or more never all."""
        n = np.size(a)
        agreeing = int(np.count_nonzero(np.asarray(a) == np.asarray(b)))
        self._add(
            f"{what}: {agreeing} of {n} numbers agree", distribution.binomial(agreeing, n, AGREE)
        )

    def _add(self, what: str, log_p: float) -> None:
        self.seen.append((what, log_p))

    def judge(self) -> float:
        """The largest log(p) / log(level), or Mismatch if it is above 1: what is that improbable
        is no chance. The entries share the level of one law."""
        if not self.seen:
            return 0.0
        bound = float(np.log(level() / len(self.seen)))
        what, log_p = min(self.seen, key=lambda entry: entry[1])
        if log_p < bound:
            raise Mismatch(
                f"{what}; as improbable as exp({log_p:.4g}) at most if the law holds, and below "
                f"exp({bound:.4g}) it is rejected"
            )
        return log_p / bound


_under_way: list[tuple[str, Path]] = []


def under_way() -> tuple[str, Path] | None:
    """The law that is being tested, and on which path."""
    return _under_way[-1] if _under_way else None


class Law:
    """One sentence about what is drawn at random, tested on a fixed number of draws on each path.

    body: a function of Evidence and a path, which it gives evidence to, or raises Mismatch.
    """

    def __init__(self, body, source, sentence, on, needs):
        self.name, self.body = body.__name__, body
        self.file = body.__module__.replace(".", "/") + ".py"
        self.source, self.sentence, self.on = source, sentence, tuple(on)
        self.needs = frozenset(needs)

    def missing(self, path: Path) -> list[str]:
        """The features that this law needs on that path and the layer has not."""
        return layer.under_test().lacks(self.needs | path.wants)

    def known(self, path: Path) -> list[deviations.Deviation]:
        """The deviations that are why this release does not keep the law on that path."""
        return [d for d in deviations.active() if d.excuses(self.name, path.name, {})]

    def check(self, path: Path, record: Callable[[str, object], None]) -> None:
        """Test the law on that path, and record how much was seen and how improbable it was."""
        evidence, run = Evidence(), session.current()
        _under_way.append((self.name, path))
        try:
            with seeded(run.seed_of(f"{self.name}[{path}]") % 2**32):
                self.body(evidence, path)
            record("surprise", evidence.judge())
        except Mismatch as mismatch:
            mismatch.context = (
                f"  {self.source} says: {self.sentence}\n  path: {path}\n\nTo repeat it:\n\n"
                f'pytest "{self.file}::{self.name}[{path}]" --hypothesis-seed={run.seed}'
            )
            raise
        finally:
            _under_way.pop()
            record("entries", len(evidence.seen))
            record("cases", len(evidence.seen) + evidence.exact)


@contextlib.contextmanager
def seeded(seed: int):
    """Every global source of random numbers starts from that seed; all but TensorFlow's, which
    cannot be read, are put back."""
    state, numpy_state = random.getstate(), np.random.get_state()
    tf.keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)


def law(
    source: str,
    sentence: str,
    *,
    on: Collection[Path] = (EAGER,),
    needs: Collection[str] = (),
    documented: bool = True,
):
    """Make a test of a function of (evidence, path).

    source: what is documented, such as "SimpleRNN". sentence: its documentation's words. on: the
    paths where it has a meaning. needs: features of the layer without which it is not applicable.
    documented: whether this release documents it.
    """

    def decorate(body):
        made = Law(body, source, sentence, on, needs)
        PROPERTIES[made.name] = made

        @pytest.mark.law
        @pytest.mark.parametrize("path", made.on, ids=str)
        def test(path, record_property):
            undocumented = [] if documented else ["documentation of it"]
            begin(record_property, made, made.missing(path) + undocumented)
            with expecting(made.known(path)):
                made.check(path, record_property)

        test.__name__, test.__doc__ = body.__name__, body.__doc__
        test.__module__ = body.__module__
        return test

    return decorate
