"""How probable it is that a fault passes the law that is to find it: below 1e-9, computed.

Nothing is drawn here. The numbers of draws are those of the laws, and so are the levels.
"""

from math import exp, log, log1p

import numpy as np
import pytest
from scipy import stats

from reference import distribution
from reference.initializers import INITIALIZERS
from tests import test_dropout, test_initializers
from tests.harness import laws, probes, slots
from tests.harness.probes import P, Q
from tests.selftest.faults_laws import LAW_FAULTS

ENTRIES = 150  # no law has more
ALPHA = laws.level() / ENTRIES
MASK = probes.ROWS * probes.FEATURES
MANY = test_dropout.CALLS * MASK
SAME = P**2 + (1 - P) ** 2
"""How probable it is that two independent masks of rate P agree in an entry."""


def counted(n: int, p: float, wrong: float) -> float:
    """P(the binomial test of p accepts) where the probability is `wrong`: exact."""
    counts = np.arange(n + 1)
    tails = np.minimum(stats.binom.logcdf(counts, n, p), stats.binom.logsf(counts - 1, n, p))
    accepted = distribution.LOG_2 + tails >= log(ALPHA)
    return float(np.sum(stats.binom.pmf(counts[accepted], n, wrong)))


def compared(n: int, gap: float) -> float:
    """P(the DKW test accepts) where the distribution function is `gap` off somewhere: by the same
    inequality, for the empirical function of the wrong law."""
    threshold = np.sqrt((distribution.LOG_2 - log(ALPHA)) / (2 * n)) + laws.RESOLUTION
    return 2 * exp(-2 * n * max(0, gap - threshold) ** 2)


def unfilled(n: int, f: float) -> float:
    """P(the extremes are accepted) where no number's distribution function is above f: 0 or 1."""
    return float(distribution.LOG_2 + n * log(f + laws.RESOLUTION) >= log(ALPHA))


def distant(n: int, d: float) -> float:
    """P(the DKW test accepts) where the empirical function is surely d off somewhere: 0 or 1."""
    return float(distribution.LOG_2 - 2 * n * (d - laws.RESOLUTION) ** 2 >= log(ALPHA))


def gap(one, other) -> float:
    x = np.linspace(-1, 1, 100_001)
    return float(np.max(np.abs(one.cdf(x) - other.cdf(x))))


GLOROT = min(np.prod(shape) * draws for shape, draws in test_initializers.SHAPES.items())
KERNEL = slots.FEATURES * slots.UNITS
PAIRS = test_initializers.SQUARE**2 // 2 - test_initializers.SQUARE
SHAPE = (300, 900)
UNIFORM = INITIALIZERS["glorot_uniform"](SHAPE)
NORMAL = INITIALIZERS["variance_scaling"](SHAPE, mode="fan_avg")
LECUN = INITIALIZERS["lecun_normal"]((slots.FEATURES, slots.UNITS))

MISSED = {
    "LimitTooLarge": exp(-GLOROT * log1p(0.01)),  # no number is beyond the limit
    "LimitTooSmall": unfilled(GLOROT, 1 - 0.01 / 2),
    "OneSided": unfilled(GLOROT, 1 / 2),
    "NormalForUniform": compared(SHAPE[0] * SHAPE[1], gap(NORMAL, UNIFORM)),
    "RowsTwice": counted(PAIRS, 1 / 2, 1),
    "Symmetric": counted(PAIRS, 1 / 2, 1),
    "FansSwapped": unfilled(KERNEL, (1 + np.sqrt(slots.FEATURES / slots.UNITS)) / 2),
    "TruncationNotCorrected": unfilled(KERNEL, float(LECUN.cdf(0.88 * LECUN.high))),
    "NoSignCorrection": distant(test_initializers.LARGE - 1, 1 / 2),  # each first one < 0
    "RotationsOnly": counted(len(test_initializers.SMALL), 1 / 2, 1),
    "OneUnitIsOne": counted(test_initializers.OF_ONE_UNIT, 1 / 2, 1),
    # Of the coordinates of 400 units, every second is 0: the empirical function jumps by half.
    "HalfAtATime": distant(slots.UNITS * (slots.UNITS - 1) // 2, 1 / 4),
    "OfFloat32": 0.0,  # the residual is a million times the threshold in each draw
    "GainIgnored": 0.0,  # ||Q^T Q - g^2 I|| is far off in each draw
    "SlotsExchanged": 0.0,  # ones are where none should be
    "BiasInitializerIgnored": 0.0,
    "OneSeedForAll": counted(slots.UNITS**2, 1 / 2, 1),
    "SeedIgnored": laws.AGREE**20,  # all 20 numbers of a kernel agree by chance
    "SeedZeroIsNone": laws.AGREE**20,
    "SeedsHalved": counted(42, laws.AGREE, 1),
    "OneSeedForAllLayers": counted(100 * 100, laws.AGREE, 1),
    "SeedsCut": counted(20, laws.AGREE, 1),
    "NewValuesEachTime": laws.AGREE**49,
    "GeneratorIsASeed": counted(49, laws.AGREE, 1),
    "FromEntropy": laws.AGREE**42,
    "SeedsNotInConfig": laws.AGREE**30,
    "OneSeedForBothKernels": counted(100 * 100, 1 / 2, 1),
    "KeepsTheRate": counted(MANY, P, 1 - P),
    "RateOff": counted(MANY, P, P + 0.02),
    "RatesMixedUp": counted(MANY, P, Q),
    "RateNeverZero": (1 - 0.001) ** MASK,
    "RateNeverOne": counted(MASK, 0.998, 0.9),
    "MaskEachStep": SAME**MASK,
    "MaskAfterMaskedStep": SAME**MASK,
    "Unscaled": P**MASK,  # nothing is kept
    "ScaleTooLarge": P**MASK,
    "UnscaledWhereMostIsDropped": Q**MASK,
    "RowsShare": counted(MASK // 2, SAME, 1),
    "UnitsShare": counted(MASK // 2, SAME, 1),
    "OneSetOfNumbers": counted(MASK, SAME, 1),
    "NumbersKept": counted(MASK, SAME, 1),
    "DropsForGood": (1 - P) ** MASK,
    "NumbersKeptWithAMask": counted(MASK, SAME, 1),
    "DropsInInference": (1 - P) ** MASK,
    "NothingInAGraph": counted(400, P, 0),
    "OtherGradients": SAME**MASK,
    "FirstStateOnly": (1 - Q) ** MASK,  # nothing is dropped
    "BiasDropped": (1 - Q) ** MASK,
    "ReturnedStateScaled": Q**MASK,
    "LayerSeedIgnored": SAME**MASK,
    "LayerSeedZeroIsNone": SAME**MASK,
    "LayerSeedModulo": counted(MASK, SAME, 1),
    "OneSeedForDropout": counted(MASK, SAME, 1),
    "GeneratorsNotInConfig": laws.AGREE**49,
    "NothingWithAMask": counted(MASK, P, 0),
    "NothingWhereStateful": counted(MASK, P, 0),
    "NothingWhereMixed": counted(MASK, P, 0),
    "NothingUnrolledInAGraph": counted(MASK, P, 0),
    "DropsMostInInference": (1 - test_dropout.MOST["recurrent_dropout"]) ** MASK,
}


@pytest.mark.parametrize("name", [fault.layer.partition(":")[2] for fault in LAW_FAULTS])
def test_a_fault_is_missed_with_probability_below_1e_9(name):
    assert MISSED[name] < 1e-9


@pytest.mark.parametrize("path", ["eager", "unroll"])
def test_no_law_has_more_entries(path):
    for law in laws.all_properties().values():
        for p in law.on:
            if not isinstance(law, laws.Law) or str(p) != path or law.missing(p) or law.known(p):
                continue
            facts = {}
            law.check(p, facts.__setitem__)
            assert facts["entries"] <= ENTRIES


def test_the_powers_can_fail():
    assert counted(100, 0.5, 0.6) > 1e-9
    assert compared(1000, 0.05) > 1e-9
    assert unfilled(100, 0.99) == 1
